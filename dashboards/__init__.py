"""Grafana's dashboards and alert rules, generated: Python for the shape, `queries/*.sql` for the questions."""
