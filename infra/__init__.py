"""What is deployed: configuration in, CloudFormation stacks out; never imports runtime code."""

from infra.node import use_bundled_node

use_bundled_node()
