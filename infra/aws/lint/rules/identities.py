"""Who may come in: each client's tokens pass the authorizer, and no client has too many rights."""

from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

from infra.aws.lint import reading

REFRESH_ALONE = ["ALLOW_REFRESH_TOKEN_AUTH"]
"""If it is missing or empty, Cognito takes this and two more ways to sign in than its pages."""

NETWORK_SCOPE = "onecopy/network"


def _clients(template: reading.Json) -> list[reading.Resource]:
    return list(reading.of_kind(template, "AWS::Cognito::UserPoolClient"))


class TokensCarryScopes(CloudFormationLintRule):
    id = "E9501"
    shortdesc = "Every client signs users in only through the user pool's own pages"
    description = "Only these and the token endpoint issue tokens with scopes of a resource server"
    tags = ("cognito",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} can sign in by another flow than the pages': such tokens have none of the stack's "
                "scopes, and so would open nothing",
            )
            for name, client in _clients(cfn.template)
            if client.get("ExplicitAuthFlows") != REFRESH_ALONE
        ]


class ClientsAreExpected(CloudFormationLintRule):
    id = "E9502"
    shortdesc = "The authorizer takes the tokens of each client"
    description = "A token whose client_id is not an audience is refused with 401, whatever else it says"
    tags = ("cognito",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        audience = {
            client
            for _, authorizer in reading.of_kind(cfn.template, "AWS::ApiGatewayV2::Authorizer")
            for client in reading.mentioned(authorizer["JwtConfiguration"]["Audience"])
        }
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} is no audience of the authorizer: each of its tokens would be refused with 401",
            )
            for name, _ in _clients(cfn.template)
            if name not in audience
        ]


class NetworkIsAMachine(CloudFormationLintRule):
    id = "E9503"
    shortdesc = "Only a client with a secret and without users may be the network"
    description = "Its scope opens every box of the store"
    tags = ("cognito",)

    def match(self, cfn: Any) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} may ask for the network's scope, but has users or no secret: anyone with the "
                "application could store in every box",
            )
            for name, client in _clients(cfn.template)
            if NETWORK_SCOPE in client.get("AllowedOAuthScopes", [])
            and not (
                client.get("AllowedOAuthFlows") == ["client_credentials"]
                and client.get("GenerateSecret") is True
            )
        ]
