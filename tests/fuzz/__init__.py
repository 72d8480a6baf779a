"""Requests that no client would send: made of the OpenAPI document and of resources that were damaged."""
