/* XMPP archive: following one: reading what is new into the mirror. See xmpp_archive.h. */
#include "xmpp_archive.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <string.h>

/* Items a page. Prosody gives 250 at most. */
#define PAGE 100
/* What a sweep reads again, in microseconds; how long after the last news it comes, and how long at most while
 * there is always some. */
#define OVERLAP 250000u
#define QUIET_MS 300
#define SWEEP_MS 5000
/* Pushed ids that are waited for at most. */
#define EXPECTED 512

static void go_on(tm_xmpp *x, tm_archive *archive);

static uint64_t back_from(uint64_t stamp, uint64_t by)
{
    return stamp > by ? stamp - by : 0;
}

/* What is said from now on is news: remembered before anything is read. */
static void begin_from(tm_xmpp *x, const tm_archive *archive, tm_error *err)
{
    int32_t code = tm_mirror_begin(x->mirror, err);
    if (!code) code = tm_mirror_set_archive(x->mirror, archive->group, "", archive->stamp, err);
    if (!code) code = tm_mirror_set_start(x->mirror, archive->group, archive->start, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) tm_mirror_rollback(x->mirror);
}

tm_archive *tm_archive_open(tm_xmpp *x, const char *group, uint64_t stamp, tm_error *err)
{
    tm_archive *archive = tm_calloc(1, sizeof *archive);
    if (!archive) {
        tm_fail_memory(err);
        return NULL;
    }
    strcpy(archive->group, group);
    archive->known =
        tm_mirror_archive(x->mirror, group, &archive->after, &archive->stamp, &archive->start, err);
    archive->after_stamp = back_from(archive->stamp, TM_MIRROR_REWIND);
    if (!archive->known && !err->code) {
        archive->after = tm_strdup("");
        archive->stamp = archive->start = stamp;
        archive->after_stamp = back_from(stamp, TM_MIRROR_REWIND);
        archive->known = stamp != 0;
        if (!archive->after)
            tm_fail_memory(err);
        else if (stamp)
            begin_from(x, archive, err);
    }
    if (!err->code) return archive;
    tm_archive_close(archive);
    return NULL;
}

static void forget_expected(tm_archive *archive)
{
    while (archive->expected_count)
        tm_free(archive->expected[--archive->expected_count]);
}

void tm_archive_close(tm_archive *archive)
{
    if (!archive) return;
    archive->closed = true;
    if (archive->busy) return; /* the page that is under way still points here */
    forget_expected(archive);
    tm_free(archive->expected);
    tm_free(archive->after);
    tm_free(archive->newest);
    tm_free(archive->walk);
    tm_free(archive);
}

/* ---- what a page brings ---- */

/* The last item up to which nothing more will show: a little before the end, since what is written at the same
 * time by several hands need not show in the order of its times. (Whole seconds: an archive that numbers as it
 * shows.) NULL: none on this page. */
static const tm_item *safe_place(const tm_page *page)
{
    uint64_t newest = page->last_stamp;
    const tm_item *place = NULL;
    if (newest % 1000000 == 0) return page->count ? &page->items[page->count - 1] : NULL;
    for (size_t i = 0; i < page->count && page->items[i].stamp + OVERLAP <= newest; i++)
        place = &page->items[i];
    return place;
}

/* Remembers how far the archive was read. */
static int32_t move_on(tm_xmpp *x, tm_archive *archive, const tm_page *page, tm_error *err)
{
    /* what shows late may lie before what was read behind the newest */
    const tm_item *safe = archive->fast ? NULL : safe_place(page);
    char *after = safe ? tm_strdup(safe->archive_id) : NULL, *newest = tm_strdup(page->last);
    int32_t code = (safe && !after) || !newest ? tm_fail_memory(err) : 0;
    if (!code)
        code = tm_mirror_set_archive(x->mirror, archive->group, after ? after : archive->after,
                                     page->last_stamp, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) {
        tm_free(after);
        tm_free(newest);
        return code;
    }
    if (after) {
        tm_free(archive->after);
        archive->after = after;
        archive->after_stamp = safe->stamp;
    }
    tm_free(archive->newest);
    archive->newest = newest;
    archive->stamp = page->last_stamp;
    return 0;
}

/* Where a page tells last that the user came in; 0: nowhere, or first of all. */
static size_t last_return(tm_xmpp *x, const tm_page *page)
{
    for (size_t i = page->count; i-- > 1;)
        if (page->items[i].kind == TM_ITEM_TIPS && tm_member_turn(x, &page->items[i]) > 0) return i;
    return 0;
}

/* The user was put out of a group, or came back: up to there what this device has of it is whole, and from there on, but not
 * between. */
static int32_t note_turn(tm_xmpp *x, const tm_item *item, bool back, tm_error *err)
{
    int32_t code = tm_mirror_add_membership(x->mirror, item->conv_id, back, item->stamp / 1000000, err);
    return code || !back ? code : tm_mirror_note_since(x->mirror, item->conv_id, item->stamp, "", err);
}

/* *out_at: when the user was put out of the group, in microseconds; 0: he is in. */
static int32_t add_items(tm_xmpp *x, tm_archive *archive, tm_page *page, tm_mirrored *mirrored,
                         uint64_t *out_at, tm_error *err)
{
    bool out = false;
    size_t back_at = last_return(x, page);
    tm_room *room = *archive->group ? tm_room_find(x, archive->group) : NULL;
    int32_t code = tm_mirror_begin(x->mirror, err);
    *out_at = 0;
    for (size_t i = 0; i < page->count && !code; i++) {
        tm_item *item = &page->items[i];
        /* not every room's archive says what its writers were */
        if (item->kind == TM_ITEM_RETRACT && room) item->may_revoke = tm_rooms_may_revoke(x, item);
        /* who quits need not be told */
        if (item->kind == TM_ITEM_TIPS && item->is_self && room && room->leaving)
            item->kind = TM_ITEM_NOTHING;
        int turn = item->kind == TM_ITEM_TIPS ? tm_member_turn(x, item) : 0;
        if (turn > 0) {
            if (*out_at) code = note_turn(x, item, true, err);
            *out_at = 0;
            out = false;
        }
        if (out) item->kind = TM_ITEM_NOTHING; /* what was said after the user was put out is not for it */
        if (!code)
            code = tm_mirror_add(x->mirror, archive->group, item, TM_MIRROR_NEWS, (int64_t)archive->start,
                                 x->window_s, &mirrored[i], err);
        if (!code && item->kind == TM_ITEM_TIPS && mirrored[i].fresh) code = tm_member_tips(x, item, err);
        if (!code && item->kind == TM_ITEM_TIPS && item->is_self && item->is_ours)
            code = tm_mirror_drop_join(x->mirror, item->conv_id, item->id, err);
        if (mirrored[i].unclear) tm_archive_read_from(archive, item->stamp);
        if (!code && item->kind == TM_ITEM_INVITATION && mirrored[i].fresh)
            code = tm_rooms_keep_invitation(x, item, err);
        /* one that is known, or from before, was put right since: the user is in the room */
        bool fresh = mirrored[i].fresh && item->stamp >= archive->start;
        out |= turn < 0 && (i < back_at || fresh);
        if (turn < 0 && fresh) {
            if (!code) code = note_turn(x, item, false, err);
            *out_at = item->stamp;
        }
        if (!code && mirrored[i].number && item->is_self && item->kind == TM_ITEM_MESSAGE && !*archive->group)
            code = tm_mirror_release_letter(x->mirror, item->conv_id, item->id, err);
        if (!code && mirrored[i].fresh && mirrored[i].number && item->is_self && !*archive->group)
            tm_outbox_hold(x, item, mirrored[i].number);
    }
    if (room && room->leaving) *out_at = 0; /* that ends it */
    /* reading from earlier on passes what is known first: the place only moves on */
    bool further = page->last && (page->last_stamp > archive->stamp || page->complete);
    if (!code && *out_at) code = tm_rooms_note_out(x, archive->group, *out_at, err);
    if (!code) code = further && !*out_at ? move_on(x, archive, page, err) : tm_mirror_commit(x->mirror, err);
    if (code) tm_mirror_rollback(x->mirror);
    return code;
}

/* What items mean for the rest of the session, once they are in the mirror. */
static void tell_items(tm_xmpp *x, const tm_archive *archive, const tm_page *page,
                       const tm_mirrored *mirrored, uint64_t out_at)
{
    bool news = false;
    for (size_t i = 0; i < page->count; i++) {
        const tm_item *item = &page->items[i];
        news |= mirrored[i].fresh;
        if (item->is_self) tm_outbox_seen(x, item, &mirrored[i]);
        if (item->kind == TM_ITEM_RECEIVED && !item->is_self)
            tm_outbox_received(x, item->sender, item->targets, item->target_count);
        if (item->kind == TM_ITEM_MESSAGE && mirrored[i].again && item->wants_receipt)
            tm_receipt_again(x, item->sender, item->id);
        if (item->kind == TM_ITEM_GROUPS && mirrored[i].fresh) tm_bookmarks_read(x);
        if (item->kind == TM_ITEM_INVITATION && mirrored[i].fresh) tm_rooms_invited(x, item);
    }
    if (news) tm_xmpp_ring(x);
    /* removed, or gone on another device: an open room would go on letting the user in */
    tm_room *room = out_at ? tm_room_find(x, archive->group) : NULL;
    if (room) tm_room_put_out(x, room, out_at);
}

/* The next reading is a sweep. */
static void want_sweep(tm_archive *archive)
{
    archive->quiet_at = archive->sweep_by = 1;
    archive->rings = true;
}

void tm_archive_look_again(tm_archive *archive, uint32_t ms)
{
    if (archive && !archive->quiet_at) archive->quiet_at = archive->sweep_by = tm_clock_ms() + ms;
}

static void expect(tm_archive *archive, const char *archive_id)
{
    if (archive->expected_count == archive->expected_size && archive->expected_size < EXPECTED) {
        size_t size = archive->expected_size ? archive->expected_size * 2 : 8;
        char **grown = tm_realloc(archive->expected, size * sizeof *grown);
        if (grown) archive->expected = grown;
        if (grown) archive->expected_size = size;
    }
    char *copy = archive->expected_count < archive->expected_size ? tm_strdup(archive_id) : NULL;
    if (copy)
        archive->expected[archive->expected_count++] = copy;
    else
        want_sweep(archive); /* which needs none of this */
}

static bool has_item(const tm_page *page, const char *archive_id)
{
    for (size_t i = page->count; i-- > 0;)
        if (strcmp(page->items[i].archive_id, archive_id) == 0) return true;
    return false;
}

/* Forgets what is here. True if something is not that was pushed before something that is: ids are given by whoever
 * sends, so it shows before what was read already, and one who said two things would be heard in the wrong order. */
static bool look_for_expected(tm_xmpp *x, tm_archive *archive, const tm_page *page)
{
    size_t left = 0;
    bool inverted = false;
    for (size_t i = 0; i < archive->expected_count; i++) {
        char *id = archive->expected[i];
        if (has_item(page, id) || tm_mirror_has(x->mirror, archive->group, id)) {
            inverted |= left > 0;
            tm_free(id);
        } else {
            archive->expected[left++] = id;
        }
    }
    archive->expected_count = left;
    return inverted;
}

/* All that was asked for from `from` on is in the mirror. */
static void forget_from(tm_xmpp *x, tm_archive *archive)
{
    tm_error err = {0};
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_is_told(x->mirror, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code)
        tm_mirror_rollback(x->mirror); /* it is read from there again, which tells nothing twice */
    else
        archive->from = 0;
}

/* The archive was read to its end. */
static void end_reached(tm_xmpp *x, tm_archive *archive)
{
    bool walked = archive->rewound, swept = !archive->fast;
    archive->rewound = archive->fast = false;
    tm_free(archive->walk);
    archive->walk = NULL;
    archive->read = archive->asked;
    bool told = walked && !archive->rewind && x->rooms && archive->walk_since <= archive->from;
    if (archive->from && told) forget_from(x, archive);
    if (!archive->rewind) archive->caught_up = true; /* under a steady inflow it always rings */
    /* a server that lets the user in and shows him nothing, or a disk that cannot take it, is no success */
    if (archive->caught_up && x->own->caught_up && tm_rooms_are_read(x)) x->failures = 0;
    if (archive->rings || archive->rewind) return; /* there may be more by now */
    if (archive->expected_count && !swept) {
        want_sweep(archive);
        return;
    }
    if (archive->expected_count && !walked) {
        archive->rings = archive->rewind = true;
        return;
    }
    forget_expected(archive);
    tm_outbox_caught_up(x, archive->group);
}

static void page_failed(tm_xmpp *x, tm_archive *archive, xmpp_stanza_t *answer)
{
    if (!tm_link_is_up(x->link)) return; /* it is asked anew once the connection is back */
    const char *why = answer ? tm_stanza_error(answer) : "no answer";
    tm_xmpp_log(x, kTIMLog_Warn, "the archive of \"%s\" was not read: %s",
                *archive->group ? archive->group : x->user, why);
    tm_room *room = *archive->group ? tm_room_find(x, archive->group) : NULL;
    archive->quiet_at = archive->sweep_by = 0;
    if (strcmp(why, "item-not-found") == 0 && !archive->walk) { /* the id has run out: go by time */
        tm_archive_rewind(x, archive);
    } else if (answer && *archive->group) {
        if (room) tm_room_retry(room); /* the user may be in it no more */
    } else {
        tm_link_drop(x->link, "the message archive does not answer");
    }
}

static void plan_sweep(tm_archive *archive, const tm_page *page, const tm_mirrored *mirrored)
{
    bool news = false, is_over = !archive->fast && page->complete;
    for (size_t i = 0; i < page->count; i++)
        news |= mirrored[i].fresh;
    if (is_over) archive->quiet_at = archive->sweep_by = 0;
    if (!news || !archive->newest || strcmp(archive->newest, archive->after) == 0) return;
    uint64_t now = tm_clock_ms();
    archive->quiet_at = now + QUIET_MS;
    if (!archive->sweep_by) archive->sweep_by = now + SWEEP_MS;
}

static uint64_t sweep_due(const tm_archive *archive)
{
    return archive->quiet_at < archive->sweep_by ? archive->quiet_at : archive->sweep_by;
}

static void take_page(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    tm_archive *archive = argument;
    tm_error err = {0};
    uint64_t out_at = 0;
    archive->busy = false;
    if (archive->closed) {
        tm_archive_close(archive);
        return;
    }
    if (!page) {
        page_failed(x, archive, answer);
        return;
    }
    if (look_for_expected(x, archive, page) && archive->fast) {
        tm_free(archive->walk);
        archive->walk = NULL;
        archive->fast = false;
        want_sweep(archive);
        go_on(x, archive);
        return;
    }
    tm_mirrored *mirrored = tm_calloc(page->count + 1, sizeof *mirrored);
    if (!mirrored ? tm_fail_memory(&err) : add_items(x, archive, page, mirrored, &out_at, &err)) {
        tm_free(mirrored);
        tm_xmpp_log(x, kTIMLog_Error, "what an archive has was not stored: %s", err.text);
        tm_link_drop(x->link, err.text); /* once that is over it is read again */
        return;
    }
    plan_sweep(archive, page, mirrored);
    tm_room *room = *archive->group ? tm_room_find(x, archive->group) : NULL;
    if (room) room->failures = 0;
    archive->busy = true; /* what they mean may close it */
    tell_items(x, archive, page, mirrored, out_at);
    archive->busy = false;
    tm_free(mirrored);
    if (archive->closed) {
        tm_archive_close(archive);
        return;
    }
    if (!page->complete && page->last) {
        tm_free(archive->walk);
        archive->walk = tm_strdup(page->last);
        archive->rings = true;
    } else {
        end_reached(x, archive);
    }
    go_on(x, archive);
}

/* ---- asking ---- */

int32_t tm_archive_begin_at(tm_xmpp *x, const char *group, const tm_page *page, tm_error *err)
{
    int32_t code = tm_mirror_begin(x->mirror, err);
    if (!code)
        code = tm_mirror_set_archive(x->mirror, group, page->last ? page->last : "", page->last_stamp, err);
    if (!code) code = tm_mirror_set_start(x->mirror, group, page->last_stamp, err);
    for (size_t i = 0; i < page->count && !code; i++)
        code = tm_mirror_pass(x->mirror, group, page->items[i].archive_id, err);
    /* a whole second stands for all of it: history gets the numbers below */
    int64_t top = (int64_t)page->last_stamp + (page->last_stamp % 1000000 ? 0 : 999999);
    if (!code && page->last && tm_mirror_top(x->mirror, err) < top)
        code = tm_mirror_set_top(x->mirror, top, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) tm_mirror_rollback(x->mirror);
    return code;
}

void tm_archive_read_from(tm_archive *archive, uint64_t stamp)
{
    uint64_t from = stamp > 2000000 ? stamp - 2000000 : 1; /* stamps may be whole seconds */
    if (!archive->from || from < archive->from) archive->from = from;
}

static void begin_at_end(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    tm_archive *archive = argument;
    tm_error err = {0};
    archive->busy = false;
    if (archive->closed) {
        tm_archive_close(archive);
        return;
    }
    if (!page) {
        page_failed(x, archive, answer);
        return;
    }
    if (tm_archive_begin_at(x, archive->group, page, &err)) {
        tm_link_drop(x->link, err.text);
        return;
    }
    tm_free(archive->after);
    archive->known =
        tm_mirror_archive(x->mirror, archive->group, &archive->after, &archive->stamp, &archive->start, &err);
    archive->after_stamp = archive->stamp;
    archive->rewind = false;
    archive->rings = true;
    go_on(x, archive);
}

static void go_on(tm_xmpp *x, tm_archive *archive)
{
    if (archive->busy || !archive->rings || archive->closed || !tm_link_is_up(x->link)) return;
    /* not all that is said can be acted on before the set-up is through, which asks for all that came meanwhile */
    if (!x->welcome) return;
    /* a new device reads no news before it is settled where each archive begins for it */
    if (archive->known && x->login && x->is_new) return;
    archive->busy = true;
    if (!archive->known) {
        tm_page_query end = {.group = archive->group, .is_end = true, .max = PAGE};
        tm_page_ask(x, &end, begin_at_end, archive);
        return;
    }
    archive->rings = false;
    archive->asked_pings = x->pings;
    archive->asked++;
    tm_page_query query = {.group = archive->group, .max = PAGE};
    if (archive->rewind || (archive->walk && !*archive->walk)) {
        query.start = back_from(archive->stamp, TM_MIRROR_REWIND);
        if (archive->from && archive->from < query.start) query.start = archive->from;
        archive->rewind = archive->fast = false;
        archive->rewound = true;
        tm_free(archive->walk);
        archive->walk = tm_strdup("");
    } else if (archive->walk) {
        query.after = archive->walk;
        query.start = archive->walk_since;
    } else {
        uint64_t due = sweep_due(archive);
        archive->fast = archive->newest && due && tm_clock_ms() < due;
        query.after = archive->fast ? archive->newest : archive->after;
        query.start = back_from(archive->fast ? archive->stamp : archive->after_stamp,
                                TM_MIRROR_MARGIN); /* servers count all that matches a question */
    }
    archive->walk_since = query.start;
    tm_page_ask(x, &query, take_page, archive);
}

void tm_archive_ring(tm_xmpp *x, tm_archive *archive, const char *archive_id)
{
    if (!archive) return;
    if (archive_id && *archive_id) expect(archive, archive_id);
    archive->rings = true;
    go_on(x, archive);
}

void tm_archive_rewind(tm_xmpp *x, tm_archive *archive)
{
    if (!archive) return;
    archive->rings = archive->rewind = true;
    go_on(x, archive);
}

static void sweep(tm_xmpp *x, tm_archive *archive)
{
    uint64_t due = archive ? sweep_due(archive) : 0;
    if (!due || archive->busy || due > tm_clock_ms()) return;
    archive->rings = true;
    go_on(x, archive);
}

void tm_archives_run(tm_xmpp *x)
{
    sweep(x, x->own);
    for (tm_room *room = x->first_room; room; room = room->next)
        sweep(x, room->archive);
}

static void note_deadline(const tm_archive *archive, uint64_t *first)
{
    uint64_t due = archive && !archive->busy ? sweep_due(archive) : 0;
    if (due && (!*first || due < *first)) *first = due;
}

uint64_t tm_archives_deadline(tm_xmpp *x)
{
    uint64_t first = 0;
    if (!x->welcome || (x->login && x->is_new)) return 0; /* nothing is read then: see go_on */
    note_deadline(x->own, &first);
    for (const tm_room *room = x->first_room; room; room = room->next)
        note_deadline(room->archive, &first);
    return first;
}

void tm_archive_lost(tm_archive *archive)
{
    if (!archive) return;
    tm_free(archive->walk);
    tm_free(archive->newest);
    archive->walk = archive->newest = NULL;
    archive->rewound = archive->fast = false;
    archive->quiet_at = archive->sweep_by = 0;
    archive->caught_up = false;
    forget_expected(archive);
}
