"""The CloudFormation resource types that tests of the templates look for."""

BUS, RULE, ARCHIVE = "AWS::Events::EventBus", "AWS::Events::Rule", "AWS::Events::Archive"
QUEUE, QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"
TOPIC, TOPIC_POLICY = "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"
SUBSCRIPTION = "AWS::SNS::Subscription"
ALARM = "AWS::CloudWatch::Alarm"
FUNCTION, MAPPING = "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"
PERMISSION = "AWS::Lambda::Permission"
ROLE, POLICY = "AWS::IAM::Role", "AWS::IAM::Policy"
LOG_GROUP, LOG_POLICY = "AWS::Logs::LogGroup", "AWS::Logs::ResourcePolicy"
INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"
SCHEDULE = "AWS::Scheduler::Schedule"
MACHINE = "AWS::StepFunctions::StateMachine"
TABLE, DSQL, USER_POOL = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::DSQL::Cluster",
    "AWS::Cognito::UserPool",
)
STREAM, CONSUMER = "AWS::Kinesis::Stream", "AWS::Kinesis::StreamConsumer"
BUCKET, BUCKET_POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
CLIENT = "AWS::Cognito::UserPoolClient"
API, ROUTE, STAGE = "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage"
AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
