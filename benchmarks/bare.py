"""Settings of the yardstick: the product's database and server with two bare views and next to nothing before them."""

from rcaplatform.settings import *  # noqa: F403 - the same settings but for two

ROOT_URLCONF = "benchmarks.bare_views"
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",  # it tells the length of an answer
    "allauth.account.middleware.AccountMiddleware",  # without it its app does not start; 5 us
]
