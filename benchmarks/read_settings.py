"""Settings of the yardstick for reading: the product's database and server, plain views, little before them."""

from rcaplatform.settings import *  # noqa: F403 - the same settings but for two

ROOT_URLCONF = "benchmarks.read_views"
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",  # it tells the length of an answer
    "allauth.account.middleware.AccountMiddleware",  # without it its app does not start; 5 us
]
