"""Alarms, and the topic that carries them to whoever is to know."""

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class Alarms(Construct):
    """Makes alarms anywhere in the app; with an e-mail address, sends them there.

    Parameters
    ----------
    key
        Encrypts what waits on the topic.
    email
        Empty for alarms that only show in CloudWatch.
    """

    def __init__(self, scope: Construct, name: str, *, key: kms.Key, email: str) -> None:
        super().__init__(scope, name)
        self._topic: sns.Topic | None = None
        if email:
            self._topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
            self._topic.add_subscription(subscriptions.EmailSubscription(email))
            # The statement that refuses what is not TLS takes the place of SNS's default policy.
            self._topic.grant_publish(
                iam.ServicePrincipal(
                    "cloudwatch.amazonaws.com",
                    conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
                )
            )
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="AlarmsPublish",
                    principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],
                )
            )

    def add(
        self, scope: Construct, name: str, metric: cloudwatch.IMetric, *, threshold: float, description: str
    ) -> None:
        """Alarm as soon as the metric is above the threshold once."""
        alarm = cloudwatch.Alarm(
            scope,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        if self._topic:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
