#!/usr/bin/env bash
# Deploys a throw-away stack into the current account and region, tests it, and removes everything again, even
# if a step failed. It costs cents. Everything that it creates has the stack's name in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
stack=${1:?the name of a stack that is not there yet, and then the tests}
shift
keys=$(mktemp -d)
python=.venv/bin/python
sam=.venv-sam/bin/sam

output() { aws cloudformation describe-stacks --stack-name "$1" --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text; }
resource() { aws cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id "$1" --query StackResourceDetail.PhysicalResourceId --output text; }

# A deleted stack leaves its data, lest somebody's messages be lost by mistake. Here they are the tests' own.
remove() {
  table=$(resource Table || true) bucket=$(resource ContentBucket || true) secret=$(resource RestartTokenKeys || true)
  aws cloudformation delete-stack --stack-name "$stack" && aws cloudformation wait stack-delete-complete --stack-name "$stack" || true
  [ -z "$table" ] || aws dynamodb delete-table --table-name "$table" >/dev/null || true
  [ -z "$secret" ] || aws secretsmanager delete-secret --secret-id "$secret" --force-delete-without-recovery >/dev/null || true
  [ -z "$bucket" ] || "$python" -c "import boto3, sys; b = boto3.resource('s3').Bucket(sys.argv[1]); b.object_versions.delete(); b.delete()" "$bucket" || true
  aws cloudformation delete-stack --stack-name "$stack-issuer" || true
  rm -rf "$keys"
}
trap remove EXIT

"$sam" deploy --template-file infra/pipeline/issuer.yaml --stack-name "$stack-issuer" --resolve-s3 \
  --capabilities CAPABILITY_IAM --no-confirm-changeset --parameter-overrides "Keys=$("$python" -m infra.pipeline.issuer "$keys")"
endpoint=$(output "$stack-issuer" Endpoint)
.venv/bin/onecopy doctor --parameters "Issuer=$endpoint/local" || true
"$sam" build --template-file infra/template.yaml
"$sam" deploy --stack-name "$stack" --resolve-s3 --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --no-confirm-changeset \
  --parameter-overrides "Issuer=$endpoint/local RestoreDays=1 LogDays=1"
.venv/bin/pytest --aws "$stack" --aws-issuer "$endpoint" --aws-keys "$keys" "$@"
.venv/bin/onecopy check --stack "$stack"
