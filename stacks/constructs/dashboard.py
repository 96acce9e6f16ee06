"""A dashboard whose graphs find their metrics by search."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

WIDTH = 24
"""The columns of a dashboard."""


class Dashboard(cloudwatch.Dashboard):
    """Rows of graphs. Each graph shows the metrics that its searches find.

    A search finds all metrics with data in the last two weeks, also those of new resources. So a
    new service is on the dashboard without a line here, and no stack depends on another.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-search-expressions.html
    """

    def __init__(
        self, scope: Construct, id: str, *, rows: Sequence[Mapping[str, Sequence[str]]]
    ) -> None:
        """Declare the dashboard. Each row maps the titles of its graphs to searches."""
        super().__init__(scope, id, default_interval=Duration.hours(3))
        for row in rows:
            self.add_widgets(
                *(
                    cloudwatch.GraphWidget(
                        title=title,
                        width=WIDTH // len(row),
                        left=[
                            cloudwatch.SearchExpression(
                                expression=expression, label="", period=Duration.minutes(1)
                            )
                            for expression in searches
                        ],
                    )
                    for title, searches in row.items()
                )
            )


def search(schema: str, metric: str, *terms: str, statistic: str = "Sum") -> str:
    """Return the search expression for a metric, such as ``Errors`` of ``AWS/Lambda,FunctionName``.

    A term is one word of a dimension's value: CloudWatch splits ``Orders-Dev-Shipping-Outbox`` into
    words.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    wanted = " ".join([f'MetricName="{metric}"', *terms])
    return f"SEARCH('{{{schema}}} {wanted}', '{statistic}')"
