"""Secrets that a service keeps: HashiCorp Vault and AWS Secrets Manager, each behind a library that is loaded when it is asked.

    vault:MOUNT/PATH#FIELD                    the server of $VAULT_ADDR
    vault:https://HOST:8200/MOUNT/PATH#FIELD  that one; plain http only on this machine
    aws:NAME#FIELD, aws:ARN#FIELD             in the region of the ARN or of the AWS configuration; without #FIELD the whole text

Who we are is found where the services' own tools find it: $VAULT_TOKEN, ~/.vault-token or an AppRole ($VAULT_ROLE_ID and
$VAULT_SECRET_ID); the credentials chain of AWS. No error carries what a service answered.
"""

import json
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from polaris.domain.errors import BadConfig, PolarisError, Unavailable
from polaris.venues.rest import LOOPBACK
from polaris.venues.secrets import Secret

TIMEOUT_S: Final = 5.0
TOKEN_FILE: Final = "~/.vault-token"


def check(where: str) -> str:
    """What is wrong with a reference, without repeating it: it may be the secret. Empty where nothing is."""
    kind, _, rest = where.partition(":")
    name, _, field = rest.partition("#")
    if kind == "aws":
        return "" if name else "aws: takes the name or the ARN of a secret, and #FIELD where it holds several"
    address, path = _address(name)
    if not field or path.count("/") < 1 or path.startswith("/") or path.endswith("/"):
        return "vault: takes MOUNT/PATH#FIELD, such as vault:secret/polaris/coinbase#api_secret"
    if "@" in address:
        return "vault: takes no user or password; who we are is told by VAULT_TOKEN or an AppRole"
    if address and urlsplit(address).scheme == "http" and urlsplit(address).hostname not in LOOPBACK:
        return "vault: takes https; plain http only on this machine, as anyone on the way could read the secret"
    return ""


def from_vault(where: str) -> Secret:
    """The field of a secret in a KV store, of either version. Raises Unavailable, or BadConfig where something is missing here."""
    try:
        import hvac
        import requests
        from hvac import exceptions
    except ImportError:
        raise BadConfig(f"secret {where}: Vault needs the extra 'vault': pip install 'polaris-synapse[vault]'") from None
    name, _, field = where.removeprefix("vault:").partition("#")
    address, path = _address(name)
    address = address or os.environ.get("VAULT_ADDR", "")
    if not address:
        raise BadConfig(f"secret {where}: no Vault server is named; set VAULT_ADDR, or write vault:https://HOST:8200/...")
    if wrong := check(f"vault:{address}/{path}#{field}"):
        raise BadConfig(f"secret {where}: {wrong}")
    mount, _, path = path.partition("/")
    session = requests.Session()
    session.trust_env = urlsplit(address).hostname not in LOOPBACK  # a proxy of the environment is for hosts elsewhere
    # no redirects: the token would go along, wherever they lead
    client = hvac.Client(url=address, timeout=TIMEOUT_S, token="", namespace=os.environ.get("VAULT_NAMESPACE"), session=session, allow_redirects=False)
    problem: PolarisError
    try:
        client.token = _vault_token(client, where).reveal()
        return Secret(_field(_read_kv(client, mount, path), field, where))
    except PolarisError as cause:
        problem = cause
    except exceptions.Forbidden:
        problem = Unavailable(f"secret {where}: {address} denies it; this token's policies must allow 'read' on {mount}/data/{path} (version 1: {mount}/{path})")
    except exceptions.InvalidPath:
        problem = Unavailable(f"secret {where}: {address} has nothing at {path} in {mount}")
    except exceptions.VaultDown:
        problem = Unavailable(f"secret {where}: {address} is sealed; unseal it")
    except exceptions.VaultError as cause:
        problem = Unavailable(f"secret {where}: {address} refused ({type(cause).__name__})")
    except (TypeError, LookupError):
        problem = Unavailable(f"secret {where}: {address} answers as no Vault does, or sends us elsewhere; name the active server itself")
    except (requests.RequestException, OSError) as cause:
        problem = Unavailable(f"secret {where}: {address} does not answer ({type(cause).__name__})")
    finally:
        session.close()
    raise problem  # outside of the handlers: what the service said stays out of the traceback


def from_aws(where: str) -> Secret:
    """A secret of AWS Secrets Manager, or one field of it. Raises Unavailable, or BadConfig where something is missing here."""
    try:
        import boto3
        from botocore import exceptions
        from botocore.config import Config
    except ImportError:
        raise BadConfig(f"secret {where}: AWS needs the extra 'aws': pip install 'polaris-synapse[aws]'") from None
    name, _, field = where.removeprefix("aws:").partition("#")
    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 6 else None
    problem: PolarisError
    try:
        config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"max_attempts": 2})
        answer = boto3.client("secretsmanager", region_name=region, config=config).get_secret_value(SecretId=name)
        text = answer.get("SecretString")
        if text is None:
            raise Unavailable(f"secret {where}: it holds bytes; store it as text")
        return Secret(_field(_object(text, where), field, where) if field else text)
    except PolarisError as cause:
        problem = cause
    except exceptions.NoRegionError:
        problem = BadConfig(f"secret {where}: no AWS region; set AWS_REGION, or give the secret's ARN")
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        problem = BadConfig(f"secret {where}: no AWS credentials; see 'aws configure', or give this machine a role")
    except exceptions.ClientError as cause:
        problem = Unavailable(f"secret {where}: AWS refused ({cause.response.get('Error', {}).get('Code', 'no reason')})")
    except (exceptions.BotoCoreError, OSError) as cause:
        problem = Unavailable(f"secret {where}: AWS does not answer ({type(cause).__name__})")
    raise problem


def _address(name: str) -> tuple[str, str]:
    """("https://host:8200" or "", "mount/path") of what stands before the #."""
    parts = urlsplit(name)
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc}", parts.path.removeprefix("/")
    return "", name


def _vault_token(client: Any, where: str) -> Secret:
    if token := os.environ.get("VAULT_TOKEN"):
        return Secret(token)
    role, secret = os.environ.get("VAULT_ROLE_ID"), os.environ.get("VAULT_SECRET_ID")
    if role and secret:
        return Secret(client.auth.approle.login(role_id=role, secret_id=secret, use_token=False)["auth"]["client_token"])
    file = Path(TOKEN_FILE).expanduser()
    if not file.is_file():
        raise BadConfig(f"secret {where}: no Vault token; set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or run: vault login")
    from polaris.app.secret import SecretReference

    return SecretReference(f"file:{file}").resolve()


def _read_kv(client: Any, mount: str, path: str) -> Any:
    """The data of a secret: as version 2 keeps it, else as version 1 does."""
    from hvac import exceptions

    try:
        return client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)["data"]["data"]
    except (exceptions.InvalidPath, exceptions.Forbidden, KeyError):
        return client.secrets.kv.v1.read_secret(path=path, mount_point=mount)["data"]


def _object(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    raise Unavailable(f"secret {where}: it is one text, not a JSON object with fields; leave out the #FIELD")


def _field(data: Any, field: str, where: str) -> str:
    if not isinstance(data, dict) or field not in data:
        held = ", ".join(sorted(data)) if isinstance(data, dict) else "no fields"
        raise Unavailable(f"secret {where}: there is no field {field!r}; it has {held}")
    if not isinstance(data[field], str) or not data[field]:
        raise Unavailable(f"secret {where}: field {field!r} is no text")
    return str(data[field])
