/* XMPP outbox, letters: messages to a user that no device of his has confirmed yet: sent again now and then, until one has.
 * See xmpp_session.h and xmpp_outbox.h. */
#include "xmpp_outbox.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <string.h>

/* When a letter is sent again, in seconds: each pause is four times the one before. */
#define LONGEST_PAUSE_S (7 * 86400)
#define GIVE_UP_S (30 * 86400)
/* Letters of the last minute are sent again as soon as a broken connection is back. */
#define RECENT_S 60
/* So many letters at a time, or so many bytes of them: servers let some 3 KB in a second pass, and what is asked behind
 * them must be answered in time. */
#define LETTERS 20
#define LETTERS_SIZE 16384

static uint64_t pause_after(uint32_t attempts)
{
    uint64_t pause = TM_LETTER_PAUSE_S;
    while (attempts-- && pause < LONGEST_PAUSE_S)
        pause *= 4;
    return pause < LONGEST_PAUSE_S ? pause : LONGEST_PAUSE_S;
}

/* True if the letter is still on its first way. */
static bool is_under_way(tm_xmpp *x, const tm_mirror_letter *letter)
{
    for (const tm_task *task = x->sending; task; task = task->next)
        if (task->id && strcmp(task->id, letter->id) == 0 &&
            strcmp(task->op.message->conv_id, letter->peer) == 0)
            return true;
    return false;
}

/* Adds to *size what goes out. */
static int32_t send_letter(tm_xmpp *x, tm_mirror_letter *letter, uint64_t now, size_t *size, tm_error *err)
{
    tm_stanza stanza;
    if (letter->kept + GIVE_UP_S < now && letter->attempts > 4) {
        tm_xmpp_log(x, kTIMLog_Warn, "\"%s\" has not confirmed message %s in a month", letter->peer,
                    letter->id);
        return tm_mirror_drop_letter(x->mirror, letter->peer, letter->id, err);
    }
    if (!is_under_way(x, letter)) {
        char *to = tm_jid_of(letter->peer, x->address.domain);
        if (!to) return tm_fail_memory(err);
        tm_item_write_message(&stanza, tm_link_ctx(x->link), to, &letter->message, letter->id, true);
        tm_link_send(x->link, tm_stanza_finish(&stanza));
        *size += strlen(letter->message.elems);
        tm_free(to);
    }
    return tm_mirror_delay_letter(x->mirror, letter->peer, letter->id, now + pause_after(letter->attempts),
                                  err);
}

/* Not before the server has taken those that went out last; nor while it is being found out what became of an earlier
 * life's messages. */
static bool can_send_letters(const tm_xmpp *x)
{
    return x->letters_at && x->welcome && x->own && x->own->caught_up && !x->unsettled &&
           x->letters_ping <= x->ponged;
}

bool tm_outbox_send_letters(tm_xmpp *x)
{
    tm_error err = {0};
    size_t size = 0;
    uint64_t now = tm_clock_seconds();
    if (!can_send_letters(x) || x->letters_at > now) return false;
    int32_t code = tm_mirror_begin(x->mirror, &err);
    for (int i = 0; i < LETTERS && size < LETTERS_SIZE && !code; i++) {
        tm_mirror_letter letter = {0};
        code = tm_mirror_due_letter(x->mirror, now, &letter, &x->letters_at, &err);
        bool due = !code && letter.id;
        if (due) code = send_letter(x, &letter, now, &size, &err);
        tm_free(letter.id);
        tm_message_clear(&letter.message);
        if (!due) break;
    }
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (!code) return size > 0;
    tm_mirror_rollback(x->mirror);
    x->letters_at = now + TM_LETTER_PAUSE_S;
    tm_xmpp_log(x, kTIMLog_Error, "letters wait: %s", err.text);
    return size > 0;
}

uint64_t tm_outbox_letters_deadline(const tm_xmpp *x)
{
    if (!can_send_letters(x)) return 0;
    uint64_t now = tm_clock_seconds(), wait = x->letters_at > now ? x->letters_at - now : 0;
    return tm_clock_ms() + wait * 1000 + 1;
}

void tm_outbox_received(tm_xmpp *x, const char *peer, char *const *ids, size_t count)
{
    tm_error err = {0};
    int32_t code = tm_mirror_begin(x->mirror, &err);
    for (size_t i = 0; i < count && !code; i++)
        code = tm_mirror_drop_letter(x->mirror, peer, ids[i], &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) tm_mirror_rollback(x->mirror);
}

void tm_outbox_hasten(tm_xmpp *x)
{
    tm_error err = {0};
    uint64_t now = tm_clock_seconds();
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_hasten_letters(x->mirror, now - RECENT_S, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code)
        tm_mirror_rollback(x->mirror);
    else
        x->letters_at = now;
}
