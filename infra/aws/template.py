"""Reads the template: its YAML with CloudFormation's short forms, its parameters, conditions and intrinsics.

It knows only the intrinsics that the template uses; any other is an error, never a guess.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
"""The region that one machine plays: the one that the AWS CLI would use."""

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
ACCOUNT = "000000000000"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "onecopy",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE = object()
_PLACE = re.compile(r"\$\{([^!}]+)\}")
_SECRET = re.compile(r"\{\{resolve:secretsmanager:([^}]+)\}\}")


def written(path: Path) -> dict[str, Any]:
    """A template as it is written, short forms as the long ones: {"Ref": ...}, {"Fn::GetAtt": [...]}."""
    content: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506  a safe loader
    return content


class BadTemplate(Exception):
    """The template asks for something that the local stack cannot read."""


class Template:
    """The template with its parameters filled in; refs, attributes and secrets grow as resources are made."""

    def __init__(self, path: Path, parameters: Mapping[str, Any]) -> None:
        self._source = written(path)
        self.refs: dict[str, Any] = {**PSEUDO_PARAMETERS, **self._parameters(parameters)}
        self.attributes: dict[tuple[str, str], str] = {}
        self.secrets: dict[str, str] = {}
        self._intrinsics: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Equals": lambda sides: str(self.resolve(sides[0])) == str(self.resolve(sides[1])),
            "Fn::Not": lambda condition: not self.resolve(condition[0]),
            "Fn::And": lambda conditions: all(self.resolve(condition) for condition in conditions),
            "Fn::Or": lambda conditions: any(self.resolve(condition) for condition in conditions),
            "Condition": self._condition,
            "Fn::Split": lambda parts: str(self.resolve(parts[1])).split(parts[0]),
            "Fn::Select": lambda parts: self.resolve(parts[1])[int(parts[0])],
            "Fn::Join": lambda parts: parts[0].join(str(part) for part in self.resolve(parts[1])),
        }

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resources of one type by logical id, with their properties as written. Leaves out those whose
        condition is false."""
        found = self._source["Resources"].items()
        return {
            name: one.get("Properties", {})
            for name, one in found
            if one["Type"] == kind and ("Condition" not in one or self._condition(one["Condition"]))
        }

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that a deployment can set."""
        return frozenset(self._source.get("Parameters", {}))

    def global_properties(self, section: str) -> dict[str, Any]:
        properties: dict[str, Any] = self._source.get("Globals", {}).get(section, {})
        return properties

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic in it resolved; AWS::NoValue is left out."""
        if isinstance(value, dict):
            if len(value) == 1 and (name := next(iter(value))) in self._intrinsics:
                return self._intrinsics[name](value[name])
            pairs = ((key, self.resolve(inner)) for key, inner in value.items())
            return {key: inner for key, inner in pairs if inner is not _NO_VALUE}
        if isinstance(value, list):
            return [inner for inner in map(self.resolve, value) if inner is not _NO_VALUE]
        return value

    def reveal(self, value: str) -> str:
        """The value with references to secrets replaced by the secrets."""
        return _SECRET.sub(lambda match: self.secrets[match[1]], value)

    def _parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        declared = self._source.get("Parameters", {})
        values = {name: one["Default"] for name, one in declared.items() if "Default" in one}
        values.update({name: value for name, value in given.items() if name in declared})
        if missing := declared.keys() - values.keys():
            raise BadTemplate(f"parameters without a value: {', '.join(sorted(missing))}")
        lists = {name for name, one in declared.items() if one["Type"] == "CommaDelimitedList"}
        return {name: _members(value) if name in lists else value for name, value in values.items()}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name not in self.refs:
            raise BadTemplate(f"Ref {name}: no such parameter or local resource")
        return self.refs[name]

    def _get_att(self, name: list[str]) -> str:
        resource, attribute = name
        if (resource, attribute) not in self.attributes:
            raise BadTemplate(f"GetAtt {resource}.{attribute}: no such local resource or attribute")
        return self.attributes[resource, attribute]

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return str(self.resolve(given[name]))
            return str(self._get_att(name.split(".", 1)) if "." in name else self._ref(name))

        return _PLACE.sub(replace, text).replace("${!", "${")

    def _if(self, argument: list[Any]) -> Any:
        condition, yes, no = argument
        return self.resolve(yes if self._condition(condition) else no)

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self._source["Conditions"][name]))


def parameter(text: str) -> tuple[str, str]:
    """Split a command line's NAME=VALUE."""
    name, found, value = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return name, value


def _members(value: str) -> list[str]:
    """The members of a CommaDelimitedList; CloudFormation strips the spaces around each."""
    return [member.strip() for member in value.split(",")]


class _Loader(yaml.SafeLoader):
    """A safe loader that knows CloudFormation's tags."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise BadTemplate(f"!{suffix} with a mapping")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
