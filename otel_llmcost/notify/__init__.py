"""Contact points: Slack, PagerDuty, e-mail and a webhook, each where the environment names it and nowhere else.

What is sent is a `Message`; who sends it knows nothing of the store. A contact point answers or raises `DeliveryError`,
whose words hold no secret: addresses of webhooks and keys never get into a message, a log or a terminal.
"""

from __future__ import annotations

from otel_llmcost.notify.message import Message
from otel_llmcost.notify.points import ContactPoint, Outcome, contact_points, deliver

__all__ = ["ContactPoint", "Message", "Outcome", "contact_points", "deliver"]
