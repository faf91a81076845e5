"""An HTTP API given as an OpenAPI document (what AWS::Serverless::HttpApi becomes) has its routes, integrations and authorizers.

Stock: the document is ignored, every path answers 404, and nothing says so.
"""

from typing import Any

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from local.emulator.pin import expect

JSON = dict[str, Any]
ANY_METHOD = "x-amazon-apigateway-any-method"


def apply() -> None:
    """Import `Body` after creating or updating AWS::ApiGatewayV2::Api."""
    expect(provisioners._apigw_v2_api_create, "_apigw_v2._routes[api_id] = {}")
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handlers["create"], handlers["update"]

    def create_api(logical_id: str, props: JSON, stack_name: str) -> tuple[str, JSON]:
        api_id, attributes = create(logical_id, props, stack_name)
        import_document(api_id, props.get("Body"))
        return api_id, attributes

    def update_api(physical_id: str, old: JSON, new: JSON, stack_name: str, logical_id: str | None = None) -> tuple[str, JSON]:
        api_id, attributes = update(physical_id, old, new, stack_name, logical_id)
        import_document(api_id, new.get("Body"))
        return api_id, attributes

    handlers.update(create=create_api, update=update_api)


def import_document(api_id: str, document: JSON | None) -> None:
    """Replace an API's routes, integrations and authorizers by the document's."""
    if not document:
        return
    apigateway._routes[api_id], apigateway._integrations[api_id], apigateway._authorizers[api_id] = {}, {}, {}
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    authorizers = {name: _authorizer(api_id, name, scheme) for name, scheme in schemes.items()}
    for path, methods in (document.get("paths") or {}).items():
        for method, operation in methods.items():
            integration = (operation or {}).get("x-amazon-apigateway-integration")
            if integration:
                key = "$default" if path == "/$default" else f"{'ANY' if method == ANY_METHOD else method.upper()} {path}"
                _route(api_id, key, integration, operation.get("security") or document.get("security") or [], authorizers)
    cors = document.get("x-amazon-apigateway-cors")
    if cors:
        apigateway._apis[api_id]["corsConfiguration"] = {name[0].lower() + name[1:]: value for name, value in cors.items()}


def _authorizer(api_id: str, name: str, scheme: JSON) -> tuple[str, str]:
    """Create an authorizer; its id and the authorization type of the routes that use it."""
    given = scheme.get("x-amazon-apigateway-authorizer") or {}
    source = given.get("identitySource") or "$request.header.Authorization"
    props: JSON = {
        "ApiId": api_id,
        "Name": name,
        "IdentitySource": [part.strip() for part in source.split(",")] if isinstance(source, str) else source,
    }
    if str(given.get("type", "")).lower() == "jwt":
        jwt = given.get("jwtConfiguration") or {}
        props |= {"AuthorizerType": "JWT", "JwtConfiguration": {"Audience": jwt.get("audience", []), "Issuer": jwt.get("issuer", "")}}
    else:
        props |= {
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": given.get("authorizerUri", ""),
            "AuthorizerPayloadFormatVersion": str(given.get("authorizerPayloadFormatVersion", "2.0")),
            "AuthorizerResultTtlInSeconds": given.get("authorizerResultTtlInSeconds", 0),
            "EnableSimpleResponses": given.get("enableSimpleResponses", False),
        }
    authorizer_id, _ = provisioners._apigw_v2_authorizer_create(name, props, "")
    return authorizer_id, "JWT" if props["AuthorizerType"] == "JWT" else "CUSTOM"


def _route(api_id: str, key: str, given: JSON, security: list[JSON], authorizers: dict[str, tuple[str, str]]) -> None:
    integration: JSON = {
        "ApiId": api_id,
        "IntegrationType": str(given.get("type", "aws_proxy")).upper(),
        "IntegrationUri": given.get("uri", ""),
        "IntegrationMethod": given.get("httpMethod", "POST"),
        "PayloadFormatVersion": str(given.get("payloadFormatVersion", "2.0")),
    }
    integration_id, _ = provisioners._apigw_v2_integration_create("", integration, "")
    route: JSON = {"ApiId": api_id, "RouteKey": key, "Target": f"integrations/{integration_id}"}
    for name, scopes in [pair for requirement in security for pair in requirement.items()]:
        if name in authorizers:
            identifier, kind = authorizers[name]
            route |= {"AuthorizerId": identifier, "AuthorizationType": kind, "AuthorizationScopes": scopes or []}
    provisioners._apigw_v2_route_create("", route, "")
