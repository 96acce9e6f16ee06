"""The operator's command. It works on an AWS account and on the local cloud alike."""
