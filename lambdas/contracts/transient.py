"""The names of transient errors: a service is busy or unreachable, but nothing is broken."""

TRANSIENT_ERRORS = (
    # The call did not reach the function, or no answer came in time.
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    "States.Timeout",
    "Sandbox.Timedout",
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    # The saga's own writes.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceeded",
    "DynamoDB.ThrottlingException",
    "DynamoDB.TransactionConflictException",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.InternalServerError",
    "DynamoDB.SdkClientException",
    # What a function raises, by the name of its exception's class.
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionCanceledException",
    "TransactionInProgressException",
    "InternalServerError",
    "ServiceUnavailableError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ConcurrentUpdateError",
    "DatabaseUnavailableError",
    "StockBusyError",
    "InterfaceError",
    "TimeoutError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "BrokenPipeError",
    "gaierror",
    "ProviderError",
)
"""As Step Functions names them. A call that failed so may be retried for as long as it takes."""
