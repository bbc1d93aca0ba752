#include "store_metrics.h"

namespace aeon::engine {
namespace {

using metrics::Collection;
using metrics::Labels;

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({.name = name, .value = std::string(value)});
  return labels;
}

void collect_space(const media::Space& space, const Labels& labels, Collection& into) {
  const auto in_state = [&](std::string_view state, ByteCount bytes) {
    into.gauge(
        "aeon_target_space_bytes",
        "Space of the target by what it is used for. waiting: freed, and free as soon as the log or a checkpoint "
        "is durable and readers are done.",
        with(labels, "state", state), static_cast<double>(bytes));
  };
  into.gauge("aeon_target_capacity_bytes", "What the target can hold at most.", labels,
             static_cast<double>(space.capacity));
  in_state("free", space.free);
  in_state("blocks", space.blocks_used);
  in_state("index", space.index_used);
  in_state("log", space.log_size);
  in_state("reserved", space.reserved);
  in_state("waiting", space.waiting);
  into.gauge("aeon_target_free_pieces", "Pieces that the free space is in.", labels,
             static_cast<double>(space.free_extents));
  into.gauge("aeon_target_largest_free_bytes", "The largest piece of free space.", labels,
             static_cast<double>(space.largest_free));
}

void collect_media(const media::Counters& counters, const Labels& labels, Collection& into) {
  const auto written = [&](std::string_view kind, ByteCount bytes) {
    into.counter("aeon_target_written_bytes_total", "Bytes written to the device.", with(labels, "kind", kind), bytes);
  };
  written("log", counters.log_bytes);
  written("blocks", counters.block_bytes_written);
  written("index", counters.page_bytes_written);
  written("other", counters.other_bytes_written);
  into.counter("aeon_target_discarded_bytes_total", "Bytes given back to the file system or device.", labels,
               counters.bytes_discarded);
  into.counter("aeon_target_batches_total", "Atomic changes of the index.", labels, counters.batches);
  into.counter("aeon_target_log_frames_total", "Writes of the log, each of one batch or several.", labels,
               counters.log_frames);
  into.counter("aeon_target_flushes_total", "Flushes of the device.", labels, counters.flushes);
  into.counter("aeon_target_checkpoints_total", "Checkpoints written.", labels, counters.checkpoints);
  into.counter("aeon_target_index_pages_read_total", "Pages of the index that weren't in memory, and were read.",
               labels, counters.pages_read);
  into.counter("aeon_target_index_pages_read_ahead_total", "Pages of the index read before they were asked for.",
               labels, counters.pages_read_ahead);
  into.counter("aeon_target_index_pages_written_total", "Pages of the index written by checkpoints.", labels,
               counters.pages_written);
  into.counter("aeon_target_index_pages_evicted_total", "Pages of the index that went from memory to make room.",
               labels, counters.pages_evicted);
  const auto memory = [&](std::string_view kind, ByteCount bytes) {
    into.gauge("aeon_target_memory_bytes", "Memory of the store: now, the limit, and the most there was.",
               with(labels, "kind", kind), static_cast<double>(bytes));
  };
  memory("used", counters.memory_used);
  memory("budget", counters.memory_budget);
  memory("peak", counters.memory_peak);
  into.gauge("aeon_target_log_content_bytes", "Data that is in the log and not yet in its blocks.", labels,
             static_cast<double>(counters.contents_waiting));
}

void collect_background(const vos::Store& store, const Labels& labels, Collection& into) {
  const vos::AggregationCounters& aggregation = store.aggregation_counters();
  into.counter("aeon_aggregation_passes_total", "Aggregations of a container that ended.", labels, aggregation.passes);
  into.counter("aeon_aggregation_failures_total", "Of these, ended by a fault.", labels, aggregation.failed);
  into.counter("aeon_aggregation_dropped_records_total", "Versions that nobody could see any more.", labels,
               aggregation.records_dropped);
  into.counter("aeon_aggregation_dropped_bytes_total", "Bytes of values in them.", labels,
               aggregation.value_bytes_dropped);
  into.counter("aeon_aggregation_merged_extents_total", "Small or partly hidden extents written anew.", labels,
               aggregation.extents_merged);
  into.counter("aeon_aggregation_rewritten_bytes_total", "Bytes written for that.", labels,
               aggregation.bytes_rewritten);
  const vos::ScrubProgress scrub = store.scrub_progress();
  into.gauge("aeon_scrub_cycles", "Background checks of everything that came to their end, since the store was made.",
             labels, static_cast<double>(scrub.cycles_done));
  into.gauge("aeon_scrub_cycle_checked_bytes", "What this check has looked at so far.", labels,
             static_cast<double>(scrub.bytes_checked));
  into.gauge("aeon_damaged_places", "Places that are known to be damaged.", labels,
             static_cast<double>(scrub.places_damaged));
}

}  // namespace

void collect(vos::Store& store, const Labels& labels, Collection& into) {
  media::KeyBlockStore& media = store.media();
  collect_space(media.space(), labels, into);
  collect_media(media.counters(), labels, into);
  collect_background(store, labels, into);
  const bool takes_changes = media.health().is_ok();
  into.gauge("aeon_target_writable", "1 if the target takes changes, 0 if it is read-only.", labels,
             takes_changes ? 1 : 0);
}

}  // namespace aeon::engine
