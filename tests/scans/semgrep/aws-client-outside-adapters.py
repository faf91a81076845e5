import boto3


def bad():
    # ruleid: aws-client-outside-adapters
    boto3.client("sqs")
    # ruleid: aws-client-outside-adapters
    return boto3.Session().client("sqs")


def good(client):
    # ok: aws-client-outside-adapters
    return client("sqs")
