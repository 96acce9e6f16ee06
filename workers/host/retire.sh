#!/bin/bash
# Waits until Auto Scaling terminates the instance, stops the worker, which finishes its work in
# progress or returns it, and lets Auto Scaling terminate the instance.
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
set -euo pipefail

metadata=http://169.254.169.254/latest

imds() {
    local token
    token=$(curl --silent --fail --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
        "$metadata/api/token")
    curl --silent --fail --header "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"
}

until [[ $(imds autoscaling/target-lifecycle-state) == Terminated ]]; do
    sleep 5
done
systemctl stop worker
aws autoscaling complete-lifecycle-action --region "$AWS_DEFAULT_REGION" \
    --auto-scaling-group-name "$GROUP" --lifecycle-hook-name "$HOOK" \
    --instance-id "$(imds instance-id)" --lifecycle-action-result CONTINUE
