#!/bin/sh
# Makes leadsync.1 out of --help, with help2man: deploy/man.sh [LEADSYNC] > deploy/leadsync.1
set -eu
leadsync=${1:-leadsync}
more=$(mktemp)
trap 'rm -f "$more"' EXIT

{
    printf '[name]\nleadsync \\- exactly-once pulls of BatchData search sessions\n\n[>commands]\n'
    "$leadsync" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r command; do
        printf '.SS leadsync %s\n.nf\n' "$command"
        COLUMNS=80 "$leadsync" "$command" --help | sed -e 's/\\/\\\\/g' -e "s/^[.']/\\\\\\&&/" -e 's/-/\\-/g'
        printf '.fi\n'
    done
    cat <<'ROFF'

[files]
.TP
\fI/etc/leadsync/config.toml\fR, \fI/etc/leadsync/jobs.d/\fR
The configuration, and one file a job. \fB$LEADSYNC_CONFIG\fR or \fB\-\-config\fR names another place.
.TP
\fI/etc/leadsync/credentials/\fR
The secrets, which systemd hands to the service alone.
.TP
\fI/var/lib/leadsync/leadsync.db\fR
The ledger.

[exit status]
.nf
0   done
1   failed or incomplete
2   usage
75  another leadsync holds the store
78  the configuration or the store needs a person
.fi

[see also]
\fBsystemctl\fR(1), \fBjournalctl\fR(1): \fBjournalctl \-u leadsync EVENT=run.ended JOB=phoenix\fR
ROFF
} >"$more"

help2man --no-info --include="$more" "$leadsync" | sed '/^\.TH/s/"[A-Z][a-z]* [0-9]*"/""/'
