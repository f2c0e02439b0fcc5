/* XMPP archive: a message archive (XEP-0313), the user's own or a room's: asked page by page, and followed. XMPP
 * thread only.
 *
 * Following: an archive that rings is read behind the last id that is known, until it says that there is no
 * more; what it brings goes into the mirror. Servers do not always show items in the order of their ids: so once
 * it is quiet, and now and then while it is not, the last moment is read again (a sweep). After a connection was
 * made, and when something that was pushed or sent does not show, reading starts earlier still. What is known
 * already is known by its id. */
#ifndef TM_XMPP_ARCHIVE_H
#define TM_XMPP_ARCHIVE_H

#include "xmpp_session.h"

/* ---- xmpp_page.c: one page ---- */
typedef struct tm_page {
    tm_item *items; /* in the archive's order */
    size_t count;
    size_t results;                   /* how many there were, those of no use too */
    bool complete;                    /* there is nothing further in this direction */
    char *first, *last;               /* archive ids; NULL if it is empty */
    uint64_t first_stamp, last_stamp; /* microseconds */
} tm_page;

typedef struct tm_page_query {
    const char *group;   /* whose archive: a group id; "": the user's */
    const char *with;    /* only with this bare JID; NULL: all */
    uint64_t start, end; /* microseconds, both included; 0: open */
    const char *after;   /* archive id; NULL or "": none */
    const char *before;  /* archive id; "": the last page; NULL: forward */
    bool is_end;         /* instead of those: the last page, and all that has its last time, in no order */
    unsigned max;
} tm_page_query;

/* `page` is NULL when it could not be had; `answer` the server's error then, or NULL. Both are borrowed until
 * return. */
typedef void (*tm_page_answer)(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer);
/* Asks for a page; `answer` is called once. */
void tm_page_ask(tm_xmpp *x, const tm_page_query *query, tm_page_answer answer, void *argument);
/* A message stanza: true if it is a result of a page that was asked for (it counts only from whose archive
 * was asked, under an id that nobody can guess). */
bool tm_page_result(tm_xmpp *x, xmpp_stanza_t *stanza);
void tm_pages_free(tm_xmpp *x);

/* ---- xmpp_archive.c: following ---- */
struct tm_archive {
    char group[TM_MAX_GROUP_ID + 1]; /* "": the user's own */
    char *after;                     /* archive id up to which nothing more will show; "" for none; owned */
    uint64_t after_stamp;            /* its time or an earlier one, microseconds */
    uint64_t stamp;                  /* the time of the newest item that is known, microseconds */
    char *newest;                /* that one's archive id; NULL: none was read on this connection; owned */
    bool fast;                   /* what is read lies behind `newest`: no sweep */
    uint64_t quiet_at, sweep_by; /* a sweep is due at the earlier of both (tm_clock_ms); 0: none is */
    uint64_t asked_pings;        /* pings that were sent before the page that is under way was asked for */
    uint64_t start;              /* what is older was there before the device */
    char *walk;                  /* while it is read from earlier on: where that stands; owned */
    uint64_t walk_since;         /* the time that its questions begin with, microseconds */
    uint32_t asked, read;        /* pages asked for; the last that was the end */
    bool known;                  /* where to go on is known */
    bool rings;                  /* something new may be there */
    bool rewind;                 /* read from a little earlier on */
    bool rewound;                /* that is what is being done */
    uint64_t from;               /* or from here, if that is earlier still, until it was; 0: not asked for */
    bool busy;                   /* a page is under way */
    bool closed;                 /* frees itself once the page has come */
    bool caught_up;              /* read to its end on this connection */
    char **expected; /* archive ids that were pushed live, in that order, and not seen since; owned */
    size_t expected_count, expected_size;
};
/* An archive to follow, from where the mirror has it. `stamp`: where to begin if the mirror does not know it;
 * 0: it must be asked (the user is new here, or the room is): then it begins at its present end. NULL: memory
 * or mirror. Owned by the caller: tm_archive_close. */
tm_archive *tm_archive_open(tm_xmpp *x, const char *group, uint64_t stamp, tm_error *err);
void tm_archive_close(tm_archive *archive);
/* Something new may be there. `archive_id` (may be NULL or ""): what was pushed says that it is that. */
void tm_archive_ring(tm_xmpp *x, tm_archive *archive, const char *archive_id);
/* Read from a little earlier on: something is missing that should be there. */
void tm_archive_rewind(tm_xmpp *x, tm_archive *archive);
/* The same, but later, and only a sweep: it may show late. */
void tm_archive_look_again(tm_archive *archive, uint32_t ms);
/* The user's new device begins behind what that page (its last one) shows: nothing of it is news. */
int32_t tm_archive_begin_at(tm_xmpp *x, const char *group, const tm_page *page, tm_error *err);
/* Rewinds go back to that time (microseconds) at least, until the archive was read from there to its end. For the user's own:
 * see tm_mirror_tell_from. */
void tm_archive_read_from(tm_archive *archive, uint64_t stamp);
/* Sweeps that are due; and when the next is (tm_clock_ms, 0: none). Called by the loop. */
void tm_archives_run(tm_xmpp *x);
uint64_t tm_archives_deadline(tm_xmpp *x);
/* The connection is gone. */
void tm_archive_lost(tm_archive *archive);

#endif
