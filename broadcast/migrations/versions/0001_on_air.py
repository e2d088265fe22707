"""Everything that the station needs to be on air."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from broadcast import database as columns

revision: str = "0001_on_air"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring a database of the revision before to this one."""
    op.create_table(
        "account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sign_in_name", sa.String(), nullable=False),
        sa.Column("full_name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("closed_at", columns.Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("sign_in_name", name=op.f("uq_account_sign_in_name")),
    )
    op.create_table(
        "administrative_unit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["administrative_unit.id"], name=op.f("fk_administrative_unit_parent_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_administrative_unit")),
    )
    op.create_index(op.f("ix_administrative_unit_parent_id"), "administrative_unit", ["parent_id"], unique=False)
    op.create_index("ix_administrative_unit_path", "administrative_unit", ["path"], unique=False)
    op.create_index(op.f("ix_administrative_unit_slug"), "administrative_unit", ["slug"], unique=False)
    op.create_table(
        "as_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("unit_path", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("programme_id", sa.String(), nullable=True),
        sa.Column("sound", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("planned_start", columns.Instant(timezone=True), nullable=False),
        sa.Column("started_at", columns.Instant(timezone=True), nullable=True),
        sa.Column("ended_at", columns.Instant(timezone=True), nullable=True),
        sa.Column("planned_ms", sa.Integer(), nullable=False),
        sa.Column("heard_ms", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("start_error_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_as_run")),
    )
    op.create_index("ix_as_run_planned_start", "as_run", ["planned_start"], unique=False)
    op.create_index("ix_as_run_unit_planned", "as_run", ["unit_path", "planned_start"], unique=False)
    op.create_index("uq_as_run_item_unit_device", "as_run", ["item_id", "unit_path", "device_id"], unique=True)
    op.create_table(
        "attempt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sign_in_name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", columns.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_address_at", "attempt", ["address", "at"], unique=False)
    op.create_index("ix_attempt_name_at", "attempt", ["sign_in_name", "at"], unique=False)
    op.create_table(
        "episode",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("unit_path", sa.String(), nullable=False),
        sa.Column("programme_id", sa.String(), nullable=True),
        sa.Column("rendition_sha256", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("sentences", sa.JSON(), nullable=False),
        sa.Column("aired_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("withdrawn_at", columns.Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_episode")),
    )
    op.create_index("ix_episode_aired", "episode", ["aired_at", "id"], unique=False)
    op.create_index("ix_episode_unit_aired", "episode", ["unit_path", "aired_at", "id"], unique=False)
    op.create_index("uq_episode_item_unit", "episode", ["item_id", "unit_path"], unique=True)
    op.create_table(
        "rendition",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("source_sha256", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("integrated_lufs", sa.Double(), nullable=False),
        sa.Column("true_peak_dbtp", sa.Double(), nullable=False),
        sa.Column("leading_silence_ms", sa.Integer(), nullable=False),
        sa.Column("trailing_silence_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_rendition")),
    )
    op.create_index("ix_rendition_source_profile", "rendition", ["source_sha256", "profile"], unique=False)
    op.create_table(
        "work",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", columns.Instant(timezone=True), nullable=False),
        sa.Column("leased_until", columns.Instant(timezone=True), nullable=True),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("ended_at", columns.Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
        sa.UniqueConstraint("key", name=op.f("uq_work_key")),
    )
    op.create_index("ix_work_state_not_before", "work", ["state", "not_before"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", columns.Instant(timezone=True), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_audit_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_account_id"), "audit", ["account_id"], unique=False)
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_index(op.f("ix_audit_unit_id"), "audit", ["unit_id"], unique=False)
    op.create_table(
        "cluster",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("retired_at", columns.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_cluster_unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster")),
    )
    op.create_index(op.f("ix_cluster_unit_id"), "cluster", ["unit_id"], unique=False)
    op.create_table(
        "grant_",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_grant__account_id_account")),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_grant__unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("account_id", "role", "unit_id", name=op.f("pk_grant_")),
    )
    op.create_table(
        "media_asset",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source_sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("integrated_lufs", sa.Double(), nullable=True),
        sa.Column("true_peak_dbtp", sa.Double(), nullable=True),
        sa.Column("leading_silence_ms", sa.Integer(), nullable=True),
        sa.Column("trailing_silence_ms", sa.Integer(), nullable=True),
        sa.Column("rendition_sha256", sa.String(), nullable=True),
        sa.Column("uploaded_by", sa.String(), nullable=True),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["rendition_sha256"], ["rendition.sha256"], name=op.f("fk_media_asset_rendition_sha256_rendition")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_media_asset_unit_id_administrative_unit")
        ),
        sa.ForeignKeyConstraint(["uploaded_by"], ["account.id"], name=op.f("fk_media_asset_uploaded_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_asset")),
    )
    op.create_index(op.f("ix_media_asset_source_sha256"), "media_asset", ["source_sha256"], unique=False)
    op.create_index(op.f("ix_media_asset_unit_id"), "media_asset", ["unit_id"], unique=False)
    op.create_table(
        "predecessor",
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("predecessor_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["predecessor_id"],
            ["administrative_unit.id"],
            name=op.f("fk_predecessor_predecessor_id_administrative_unit"),
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_predecessor_unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("unit_id", "predecessor_id", name=op.f("pk_predecessor")),
    )
    op.create_table(
        "rundown",
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("published_revision", sa.BigInteger(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("marks", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", columns.Instant(timezone=True), nullable=True),
        sa.Column("covers_to", columns.Instant(timezone=True), nullable=True),
        sa.Column("looked_at", columns.Instant(timezone=True), nullable=True),
        sa.Column("look_at", columns.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_rundown_unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_rundown")),
    )
    op.create_index(op.f("ix_rundown_look_at"), "rundown", ["look_at"], unique=False)
    op.create_index(op.f("ix_rundown_path"), "rundown", ["path"], unique=False)
    op.create_index(op.f("ix_rundown_stale"), "rundown", ["stale"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("csrf", sa.String(), nullable=False),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("seen_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("expires_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sign_in_account_id_account")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in")),
    )
    op.create_index(op.f("ix_sign_in_account_id"), "sign_in", ["account_id"], unique=False)
    op.create_table(
        "programme",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("voice", sa.String(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("media_asset_id", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sound_state", sa.String(), nullable=False),
        sa.Column("sound_reason", sa.String(), nullable=False),
        sa.Column("rendition_sha256", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("sentences", sa.JSON(), nullable=False),
        sa.Column("heard_sha256", sa.String(), nullable=False),
        sa.Column("approved_sha256", sa.String(), nullable=False),
        sa.Column("returned_reason", sa.String(), nullable=False),
        sa.Column("writers", sa.JSON(), nullable=False),
        sa.Column("author_id", sa.String(), nullable=True),
        sa.Column("approver_id", sa.String(), nullable=True),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("changed_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("approved_at", columns.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["approver_id"], ["account.id"], name=op.f("fk_programme_approver_id_account")),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name=op.f("fk_programme_author_id_account")),
        sa.ForeignKeyConstraint(
            ["media_asset_id"], ["media_asset.id"], name=op.f("fk_programme_media_asset_id_media_asset")
        ),
        sa.ForeignKeyConstraint(
            ["rendition_sha256"], ["rendition.sha256"], name=op.f("fk_programme_rendition_sha256_rendition")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_programme_unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme")),
    )
    op.create_index(op.f("ix_programme_state"), "programme", ["state"], unique=False)
    op.create_index("ix_programme_unit_changed", "programme", ["unit_id", "changed_at"], unique=False)
    op.create_table(
        "speaker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credential_generation", sa.Integer(), nullable=False),
        sa.Column("volume_db", sa.Double(), nullable=False),
        sa.Column("wanted_revision", sa.Integer(), nullable=False),
        sa.Column("published_wanted_revision", sa.Integer(), nullable=False),
        sa.Column("provisioned", sa.Boolean(), nullable=False),
        sa.Column("alive", sa.Boolean(), nullable=False),
        sa.Column("last_seen_at", columns.Instant(timezone=True), nullable=True),
        sa.Column("reported", sa.JSON(), nullable=False),
        sa.Column("journal_sequence", sa.Integer(), nullable=False),
        sa.Column("acknowledged_sequence", sa.Integer(), nullable=False),
        sa.Column("enrolled_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("retired_at", columns.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_speaker_cluster_id_cluster")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_speaker")),
    )
    op.create_index(op.f("ix_speaker_cluster_id"), "speaker", ["cluster_id"], unique=False)
    op.create_table(
        "enrolment_code",
        sa.Column("code_sha256", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("speaker_name", sa.String(), nullable=False),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("expires_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("used_at", columns.Instant(timezone=True), nullable=True),
        sa.Column("speaker_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_enrolment_code_cluster_id_cluster")),
        sa.ForeignKeyConstraint(["speaker_id"], ["speaker.id"], name=op.f("fk_enrolment_code_speaker_id_speaker")),
        sa.PrimaryKeyConstraint("code_sha256", name=op.f("pk_enrolment_code")),
    )
    op.create_index(op.f("ix_enrolment_code_cluster_id"), "enrolment_code", ["cluster_id"], unique=False)
    op.create_table(
        "schedule",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("programme_id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("wall_start", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("until", columns.Instant(timezone=True), nullable=True),
        sa.Column("rank", sa.String(), nullable=False),
        sa.Column("late_s", sa.Integer(), nullable=False),
        sa.Column("resume", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("created_at", columns.Instant(timezone=True), nullable=False),
        sa.Column("withdrawn_at", columns.Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_schedule_created_by_account")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.id"], name=op.f("fk_schedule_programme_id_programme")),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_schedule_unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
    )
    op.create_index(op.f("ix_schedule_programme_id"), "schedule", ["programme_id"], unique=False)
    op.create_index(op.f("ix_schedule_unit_id"), "schedule", ["unit_id"], unique=False)
    op.create_index(op.f("ix_schedule_until"), "schedule", ["until"], unique=False)
    op.create_table(
        "occurrence_change",
        sa.Column("schedule_id", sa.String(), nullable=False),
        sa.Column("occurrence", sa.String(), nullable=False),
        sa.Column("wall_start", sa.String(), nullable=False),
        sa.Column("programme_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name=op.f("fk_occurrence_change_programme_id_programme")
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedule.id"], name=op.f("fk_occurrence_change_schedule_id_schedule")
        ),
        sa.PrimaryKeyConstraint("schedule_id", "occurrence", name=op.f("pk_occurrence_change")),
    )
    op.create_table(
        "schedule_target",
        sa.Column("schedule_id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name=op.f("fk_schedule_target_schedule_id_schedule")),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["administrative_unit.id"], name=op.f("fk_schedule_target_unit_id_administrative_unit")
        ),
        sa.PrimaryKeyConstraint("schedule_id", "unit_id", name=op.f("pk_schedule_target")),
    )
    op.create_index("ix_schedule_target_unit_id", "schedule_target", ["unit_id"], unique=False)


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_index("ix_schedule_target_unit_id", table_name="schedule_target")
    op.drop_table("schedule_target")
    op.drop_table("occurrence_change")
    op.drop_index(op.f("ix_schedule_until"), table_name="schedule")
    op.drop_index(op.f("ix_schedule_unit_id"), table_name="schedule")
    op.drop_index(op.f("ix_schedule_programme_id"), table_name="schedule")
    op.drop_table("schedule")
    op.drop_index(op.f("ix_enrolment_code_cluster_id"), table_name="enrolment_code")
    op.drop_table("enrolment_code")
    op.drop_index(op.f("ix_speaker_cluster_id"), table_name="speaker")
    op.drop_table("speaker")
    op.drop_index("ix_programme_unit_changed", table_name="programme")
    op.drop_index(op.f("ix_programme_state"), table_name="programme")
    op.drop_table("programme")
    op.drop_index(op.f("ix_sign_in_account_id"), table_name="sign_in")
    op.drop_table("sign_in")
    op.drop_index(op.f("ix_rundown_stale"), table_name="rundown")
    op.drop_index(op.f("ix_rundown_path"), table_name="rundown")
    op.drop_index(op.f("ix_rundown_look_at"), table_name="rundown")
    op.drop_table("rundown")
    op.drop_table("predecessor")
    op.drop_index(op.f("ix_media_asset_unit_id"), table_name="media_asset")
    op.drop_index(op.f("ix_media_asset_source_sha256"), table_name="media_asset")
    op.drop_table("media_asset")
    op.drop_table("grant_")
    op.drop_index(op.f("ix_cluster_unit_id"), table_name="cluster")
    op.drop_table("cluster")
    op.drop_index(op.f("ix_audit_unit_id"), table_name="audit")
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
    op.drop_index(op.f("ix_audit_account_id"), table_name="audit")
    op.drop_table("audit")
    op.drop_index("ix_work_state_not_before", table_name="work")
    op.drop_table("work")
    op.drop_table("rendition")
    op.drop_index("uq_episode_item_unit", table_name="episode")
    op.drop_index("ix_episode_unit_aired", table_name="episode")
    op.drop_table("episode")
    op.drop_index("ix_attempt_name_at", table_name="attempt")
    op.drop_index("ix_attempt_address_at", table_name="attempt")
    op.drop_table("attempt")
    op.drop_index("uq_as_run_item_unit_device", table_name="as_run")
    op.drop_index(op.f("ix_as_run_unit_path"), table_name="as_run")
    op.drop_index("ix_as_run_planned_start", table_name="as_run")
    op.drop_table("as_run")
    op.drop_index(op.f("ix_administrative_unit_slug"), table_name="administrative_unit")
    op.drop_index("ix_administrative_unit_path", table_name="administrative_unit")
    op.drop_index(op.f("ix_administrative_unit_parent_id"), table_name="administrative_unit")
    op.drop_table("administrative_unit")
    op.drop_table("account")
