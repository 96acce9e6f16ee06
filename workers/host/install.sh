#!/bin/bash
# Makes an instance of Amazon Linux 2023 a worker: run once, by its user data, as root.
# It succeeds when the worker is ready, and not before: the stack waits for that.
set -euo pipefail

host=$(dirname "$0")
source /etc/worker.env

useradd --system --no-create-home --shell /sbin/nologin worker
mkdir -p /var/log/worker

dnf install --assumeyes --quiet python3.13 amazon-cloudwatch-agent
sed "s|@LOG_GROUP@|$LOG_GROUP|" "$host/logs.json" > /etc/worker-logs.json
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl \
    -a fetch-config -m ec2 -c file:/etc/worker-logs.json -s
cp "$host/worker.logrotate" /etc/logrotate.d/worker
cp "$host/worker.service" "$host/retire.service" /etc/systemd/system/

systemctl daemon-reload
systemctl enable amazon-cloudwatch-agent
systemctl enable --now worker retire
