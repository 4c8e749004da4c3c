#!/bin/sh
# Gathers what Grafana provisions and starts it. Only contact points whose variable is set are taken, since Grafana
# refuses to start with an empty address; and notification policies only where they may replace those that are there.
#
# GF_PATHS_PROVISIONING  where to gather; Grafana reads it, too
# LLMCOST_GRAFANA_POLICY replace, or anything else to leave the policies alone
set -eu
from=${LLMCOST_PROVISIONING:-/etc/llmcost}
to=${GF_PATHS_PROVISIONING:?says where to gather what Grafana provisions}

rm -rf "$to"
mkdir -p "$to/datasources" "$to/dashboards" "$to/alerting" "$to/plugins" "$to/access-control"
cp "$from/provisioning/datasources/llmcost.yaml" "$to/datasources/"
cp "$from/provisioning/dashboards/llmcost.yaml" "$to/dashboards/"
for name in rules templates mute-times; do cp "$from/alerting/$name.yaml" "$to/alerting/llmcost-$name.yaml"; done

absent= is_any=
take() { # the contact point, the value of its variable
  if [ -n "$2" ]; then cp "$from/alerting/contact-$1.yaml" "$to/alerting/llmcost-contact-$1.yaml"; is_any=1
  else absent="$absent llmcost-$1 llmcost-$1-next llmcost-$1-last"; fi
}
take slack "${LLMCOST_SLACK_URL:-}"
take pagerduty "${LLMCOST_PAGERDUTY_KEY:-}"
take email "${LLMCOST_EMAIL_TO:-}"
take webhook "${LLMCOST_WEBHOOK_URL:-}"

# Routes to contact points that are absent are left out: Grafana would refuse the whole file.
if [ "${LLMCOST_GRAFANA_POLICY:-}" = replace ] && [ -n "$is_any" ]; then
  awk -v absent="$absent " '/^  - receiver: / { out = index(absent, " " $3 " ") } !out' \
    "$from/alerting/policy.yaml" > "$to/alerting/llmcost-policy.yaml"
fi

exec "${LLMCOST_GRAFANA_RUN:-/run.sh}" "$@"
