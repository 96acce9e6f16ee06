"""Every level of tests; which needs what is in the Makefile."""

import os

# With the first import of aws_cdk jsii starts Node, and prints a banner for a release past its end
# of life, such as Node 20, on which it works.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
