"""The settings of a log-in through a provider elsewhere; the rest of the table is in dashboard.settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dashboard.setting import SettingError, setting

OIDC, GITHUB, GOOGLE = "oidc", "github", "google"
PROVIDERS = (OIDC, GITHUB, GOOGLE)


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """Who vouches for people, what this server is to them, and whom it takes their word for."""

    public_url: str = setting(
        "",
        "Address under which people open this server, such as https://residua.example.org; empty takes what their "
        "browser says. A provider has to know it with /login/provider/back at its end.",
        environment=("RESIDUA_PUBLIC_URL",),
    )
    provider_url: str = setting(
        "",
        "With --accounts oidc the issuer, whose address with /.well-known/openid-configuration at its end tells the "
        "rest; with github a GitHub Enterprise server, if it is not github.com.",
        environment=("RESIDUA_PROVIDER_URL",),
    )
    provider_name: str = setting(
        "",
        "What people call the provider, for the button of the log-in page; empty takes GitHub, Google or the host.",
        environment=("RESIDUA_PROVIDER_NAME",),
    )
    provider_client_id: str = setting(
        "", "What the provider calls this server.", environment=("RESIDUA_PROVIDER_CLIENT_ID",)
    )
    provider_client_secret: str = setting(
        "",
        "What the provider knows this server by. It has no option: processes of this machine can read those.",
        environment=("RESIDUA_PROVIDER_CLIENT_SECRET",),
        secret=True,
    )
    provider_client_secret_file: str = setting(
        "",
        "File that holds the client secret, in place of the variable.",
        environment=("RESIDUA_PROVIDER_CLIENT_SECRET_FILE",),
    )
    provider_admits: str = setting(
        "",
        "Who gets an account by logging in through the provider, separated by commas: e-mail domains (example.org) "
        "and, with github, organizations (my-lab); * is everybody whom it knows. Empty: only people whom admins added.",
        environment=("RESIDUA_PROVIDER_ADMITS",),
    )
    provider_admins: str = setting(
        "",
        "E-mail addresses, separated by commas, of people who get an account by logging in through the provider, and "
        "are admins from then on.",
        environment=("RESIDUA_PROVIDER_ADMINS",),
    )

    def client_secret(self) -> str:
        """The client secret from where it is kept; SettingError when its file cannot be read."""
        if not self.provider_client_secret_file:
            return self.provider_client_secret
        try:
            return Path(self.provider_client_secret_file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"provider_client_secret_file is {self.provider_client_secret_file}, which cannot be read ({error})."
            ) from None


def listed(text: str) -> list[str]:
    """What a setting lists, separated by commas, in small letters."""
    return [one.strip().lower() for one in text.split(",") if one.strip()]
