"""Keep what the release before had revoked, and let the database shut tokens out.

That release kept its list in the tables of simplejwt's token_blacklist. They are read here and left as they are, so that
going back to it finds them; nothing uses them any more.
"""

from django.db import migrations

COPY = """
DO $$
BEGIN
    IF to_regclass('token_blacklist_blacklistedtoken') IS NOT NULL THEN
        INSERT INTO accounts_revokedtoken (id, jti, user_id, reason, revoked_at, expires_at)
        SELECT gen_random_uuid(), o.jti, o.user_id, 'revoked by the release before', b.blacklisted_at, o.expires_at
        FROM token_blacklist_blacklistedtoken b JOIN token_blacklist_outstandingtoken o ON o.id = b.token_id
        WHERE length(o.jti) <= 64 AND o.expires_at > now()
        ON CONFLICT (jti) DO NOTHING;
    END IF;
END
$$;
"""
# A number that a stale row of some process would take back stays; every change of what a token speaks of raises it.
TRIGGER = """
CREATE FUNCTION accounts_user_token_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.token_generation := GREATEST(NEW.token_generation, OLD.token_generation);
    IF (NEW.password, NEW.role, NEW.is_active) IS DISTINCT FROM (OLD.password, OLD.role, OLD.is_active) THEN
        NEW.token_generation := NEW.token_generation + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER accounts_user_token_generation BEFORE UPDATE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_user_token_generation();
"""
NO_TRIGGER = """
DROP TRIGGER accounts_user_token_generation ON accounts_user;
DROP FUNCTION accounts_user_token_generation();
"""


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("accounts", "0003_credentials")]
    operations = [
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
    ]
