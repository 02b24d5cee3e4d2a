// Sessions out of the tree of pages, and its traffic with the disk; see prefix_cache.h.
#include "engine/serving/prefix_cache.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "engine/engine_impl.h"
#include "engine/file_digest.h"
#include "engine/serving/prefix_disk.h"
#include "engine/serving/prefix_tree.h"
#include "kernels/numerics.h"

namespace hearth {
namespace {

constexpr int64_t kPage = kernels::kPagePositions;
// What is read from disk leaves this part of the pool to running answers.
constexpr int64_t kPoolFraction = 16;

std::string exact(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

std::string rope_settings(const model::RopeSpec& rope) {
  const kernels::RopeScaling& scaling = rope.scaling;
  return "rope " + exact(rope.base) + " " + std::to_string(rope.dimensions) + " " + (rope.neox ? "halves" : "pairs") + " " +
         std::to_string(static_cast<int>(scaling.kind)) + " " + exact(scaling.factor) + " " +
         exact(scaling.low_freq_factor) + " " + exact(scaling.high_freq_factor) + " " + exact(scaling.original_context) +
         " " + exact(scaling.beta_fast) + " " + exact(scaling.beta_slow) + " " + rope.factors + "\n";
}

// Whatever keys and values depend on beside the tokens, as docs/formats/prefix_cache.md lists it.
std::string identity_text(const std::string& model_sha256, const Engine::Impl& engine) {
  std::string text = "hearth prefix cache\nmodel " + model_sha256 + "\nnumerics " +
                     std::to_string(kernels::kNumericsVersion) + "\n";
  for (const model::RopeSpec& rope : engine.spec.ropes) text += rope_settings(rope);
  text += "page " + std::to_string(kPage) + " " + std::to_string(engine.pages.page_bytes) + "\n";
  for (size_t i = 0; i < engine.pages.layers.size(); ++i) {
    const backend::KvLayout& layer = engine.pages.layers[i];
    const model::PageLayout::Heads& heads = engine.pages.heads[i];
    text += "layer " + std::to_string(static_cast<int>(layer.type)) + " " + std::to_string(heads.count) + " " +
            std::to_string(heads.dimensions) + " " + std::to_string(layer.layer_offset) + " " +
            std::to_string(layer.key_bytes) + " " + std::to_string(layer.head_bytes) + "\n";
  }
  return text;
}

// Keys and values are also of the adapters they were made with. Scopes have no NUL, so what is made here cannot be said otherwise.
std::string scope_with(std::string_view scope, const AdapterSet& adapters, const Engine::Impl& engine) {
  std::string name(scope);
  for (const AdapterScale& one : adapters) {
    name += '\0' + engine.adapter_infos[static_cast<size_t>(one.id)].sha256 + " " + exact(double{one.scale});
  }
  return name;
}

// The pages of a text by what they hold.
std::vector<PrefixPage> chain_of(std::string_view scope, std::span<const int32_t> tokens) {
  std::vector<PrefixPage> pages;
  Digest parent = scope_digest(scope);
  for (; !tokens.empty(); tokens = tokens.subspan(static_cast<size_t>(pages.back().tokens))) {
    const auto part = tokens.first(std::min<size_t>(tokens.size(), kPage));
    pages.push_back({parent, page_digest(parent, part), static_cast<int>(part.size())});
    parent = pages.back().own;
  }
  return pages;
}

std::span<const int32_t> all_but_last(std::span<const int32_t> tokens) {
  return tokens.empty() ? tokens : tokens.first(tokens.size() - 1);
}

}  // namespace

struct PrefixCache::Impl {
  Impl(const Engine& owner, int64_t limit_pages)
      : engine(owner), model(owner.impl()), pool(*model.pool), tree(pool, limit_pages) {}
  ~Impl();
  Result<void> open_disk(const PrefixCacheOptions& options);
  void write_path(std::string_view scope, std::span<const int32_t> tokens, const PrefixTree::Inserted& inserted,
                  const std::byte* last_page);
  uint64_t fetch(std::string_view scope, std::span<const int32_t> tokens);
  void finish_writes(const std::vector<PrefixDisk::Write>& writes);
  void finish_read(const PrefixDisk::Read& read);
  void poll();
  void reclaim(int64_t missing);

  struct Fetch {
    std::string scope;
    std::vector<int32_t> tokens;     // of the pages that were known and those that are read
    int64_t known_pages;
  };

  const Engine& engine;
  Engine::Impl& model;
  model::PagePool& pool;
  PrefixTree tree;
  std::unique_ptr<PrefixDisk> disk;  // null: none
  std::set<Digest> being_written;
  std::map<uint64_t, Fetch> fetches;
  uint64_t last_fetch = 0;
  int64_t dropped = 0;
  PrefixCacheStats counts;           // those that are counted here
};

PrefixCache::Impl::~Impl() {
  pool.set_reclaimer(nullptr);
  if (!disk) return;
  disk->stop();
  finish_writes(disk->take_written());
  finish_writes(disk->take_back_writes());
  for (const PrefixDisk::Read& read : disk->take_read()) finish_read(read);
}

Result<void> PrefixCache::Impl::open_disk(const PrefixCacheOptions& options) {
  PrefixDiskOptions wanted;
  wanted.folder = options.disk_folder;
  wanted.limit_bytes = options.disk_limit_bytes;
  wanted.page_bytes = model.pages.page_bytes;
  wanted.clear = [this](std::byte* page, int first) { model.pages.clear_positions(page, first); };
  wanted.wake = options.wake;
  wanted.identify_in_background = options.model_sha256.empty();
  wanted.identify = [this, given = options.model_sha256](const std::atomic<bool>& stop) -> Result<Digest> {
    return sha256_of(identity_text(given.empty() ? TRY(digest_of_files(*model.view, &stop)) : given, model));
  };
  if (!options.model_sha256.empty()) TRY(parse_digest(options.model_sha256));
  disk = TRY(PrefixDisk::open(std::move(wanted)));
  return {};
}

void PrefixCache::Impl::finish_writes(const std::vector<PrefixDisk::Write>& writes) {
  for (const PrefixDisk::Write& write : writes) {
    pool.release(write.bytes);
    being_written.erase(write.page.own);
  }
}

// The path is in the tree by now; what of it is not on disk is queued, the page shared as long as it waits.
void PrefixCache::Impl::write_path(std::string_view scope, std::span<const int32_t> tokens,
                                   const PrefixTree::Inserted& inserted, const std::byte* last_page) {
  std::vector<PrefixPage> path = chain_of(scope, tokens);
  if (inserted.extended_tokens > 0) {
    const Digest& parent = path[static_cast<size_t>(inserted.extended_page)].parent;
    const auto part = tokens.subspan(static_cast<size_t>(inserted.extended_page * kPage),
                                     static_cast<size_t>(inserted.extended_tokens));
    disk->remove({parent, page_digest(parent, part), static_cast<int>(part.size())});
  }
  path.resize(std::min(path.size(), inserted.pages.size()));
  for (size_t i = 0; i < path.size(); ++i) {
    const PrefixPage& page = path[i];
    // Texts of less than a page are quicker computed than read; a part that is kept by a longer one need not be twice.
    if (page.tokens < kPage && (i == 0 || inserted.pages[i] != last_page)) continue;
    if (disk->has(page) || being_written.count(page.own) != 0) continue;
    if (static_cast<int64_t>(being_written.size()) >= tree.limit_pages()) {
      ++dropped;
      continue;
    }
    pool.share(inserted.pages[i]);
    being_written.insert(page.own);
    const auto part = tokens.subspan(i * kPage, static_cast<size_t>(page.tokens));
    disk->write({page, {part.begin(), part.end()}, inserted.pages[i]});
  }
  disk->renew(std::move(path));
}

uint64_t PrefixCache::Impl::fetch(std::string_view scope, std::span<const int32_t> tokens) {
  const int64_t known = tree.known(scope, tokens), known_pages = known / kPage;
  if (known == static_cast<int64_t>(tokens.size())) return 0;
  const std::vector<PrefixPage> path = chain_of(scope, tokens);
  PrefixDisk::Read read;
  size_t next = static_cast<size_t>(known_pages);
  for (; next < path.size() && path[next].tokens == kPage && disk->has(path[next]); ++next) read.pages.push_back(path[next]);
  if (next > 0 && next < path.size()) read.endings = disk->endings_after(path[next].parent);
  if (read.pages.empty() && read.endings.empty()) return 0;
  const int64_t wanted = static_cast<int64_t>(read.pages.size()) + (read.endings.empty() ? 0 : 1);
  const int64_t kept_free = pool.page_count() / kPoolFraction;
  tree.make_room(kept_free + wanted);
  if (pool.free_pages() < kept_free + wanted || known_pages + wanted > tree.limit_pages()) {
    // As much as there is room for.
    const int64_t room = std::min(pool.free_pages() - kept_free, tree.limit_pages() - known_pages);
    read.endings.clear();
    read.pages.resize(static_cast<size_t>(std::clamp<int64_t>(room, 0, static_cast<int64_t>(read.pages.size()))));
    if (read.pages.empty()) return 0;
    next = static_cast<size_t>(known_pages) + read.pages.size();
  }
  for (size_t i = read.pages.size() + (read.endings.empty() ? 0 : 1); i > 0; --i) read.bytes.push_back(pool.acquire());
  const auto whole = tokens.first(next * kPage), rest = tokens.subspan(next * kPage);
  read.rest.assign(rest.begin(), rest.begin() + std::min<ptrdiff_t>(kPage, static_cast<ptrdiff_t>(rest.size())));
  read.number = ++last_fetch;
  fetches.emplace(read.number, Fetch{std::string(scope), {whole.begin(), whole.end()}, known_pages});
  disk->read(std::move(read));
  return last_fetch;
}

void PrefixCache::Impl::finish_read(const PrefixDisk::Read& read) {
  const auto found = fetches.find(read.number);
  CHECK(found != fetches.end());
  Fetch& fetch = found->second;
  std::vector<std::byte*> pages(static_cast<size_t>(fetch.known_pages));
  pages.insert(pages.end(), read.bytes.begin(), read.bytes.begin() + read.whole);
  fetch.tokens.resize(pages.size() * kPage);
  if (!read.ending.empty()) {
    pages.push_back(read.bytes.back());
    fetch.tokens.insert(fetch.tokens.end(), read.ending.begin(), read.ending.end());
  }
  tree.insert(fetch.scope, fetch.tokens, pages);
  for (std::byte* page : read.bytes) pool.release(page);
  fetches.erase(found);
}

void PrefixCache::Impl::poll() {
  if (!disk) return;
  finish_writes(disk->take_written());
  for (const PrefixDisk::Read& read : disk->take_read()) finish_read(read);
}

void PrefixCache::Impl::reclaim(int64_t missing) {
  const int64_t wanted = pool.free_pages() + missing;
  if (disk) finish_writes(disk->take_written());
  if (tree.make_room(wanted)) return;
  if (disk && !being_written.empty()) {
    finish_writes(disk->take_back_writes());
    if (tree.make_room(wanted)) return;
  }
  // The last one may be for a copy of a page that nobody but the tree shares.
  if (wanted - pool.free_pages() == 1) tree.clear();
}

PrefixCache::PrefixCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrefixCache::~PrefixCache() = default;

Result<std::unique_ptr<PrefixCache>> PrefixCache::create(const Engine& engine, PrefixCacheOptions options) {
  if (options.limit_bytes < 0 || options.disk_limit_bytes < 0) {
    return Error{ErrorCode::kInvalidArgument, "the prefix cache cannot have less than 0 bytes"};
  }
  auto impl = std::make_unique<Impl>(engine, options.limit_bytes / engine.kv_pool().page_bytes);
  Impl* raw = impl.get();
  raw->pool.set_reclaimer([raw](int64_t missing) { raw->reclaim(missing); });
  if (!options.disk_folder.empty() && options.disk_limit_bytes > 0 && raw->tree.limit_pages() > 0) {
    TRY(raw->open_disk(options));
  }
  return std::unique_ptr<PrefixCache>(new PrefixCache(std::move(impl)));
}

Result<std::unique_ptr<Session>> PrefixCache::lookup(std::string_view scope, std::span<const int32_t> tokens,
                                                     const AdapterSet& adapters) {
  Engine::Impl& engine = impl_->model;
  if (engine.live_sessions >= engine.max_sessions) return impl_->engine.new_session();  // which says so
  PrefixTree::Match match = impl_->tree.find(scope_with(scope, adapters, engine), all_but_last(tokens));
  match.size = std::min(match.size, engine.plan.context);
  match.pages.resize(static_cast<size_t>(model::pages_for(match.size)));
  auto session = std::make_unique<Session::Impl>(
      engine, model::KvSequence::of_pages(impl_->pool, engine.plan.context, match.pages, match.size), adapters);
  session->tokens.assign(tokens.begin(), tokens.begin() + match.size);
  ++impl_->counts.lookups;
  if (match.size >= kPage || 2 * match.size >= static_cast<int64_t>(tokens.size())) ++impl_->counts.hits;
  impl_->counts.reused_tokens += match.size;
  return std::make_unique<Session>(std::move(session));
}

int64_t PrefixCache::known_tokens(std::string_view scope, std::span<const int32_t> tokens, const AdapterSet& adapters) const {
  return impl_->tree.known(scope_with(scope, adapters, impl_->model), all_but_last(tokens));
}

void PrefixCache::insert(std::string_view scope, Session& session, int64_t size) {
  const auto tokens = session.tokens().first(static_cast<size_t>(std::clamp<int64_t>(size, 0, session.size())));
  if (tokens.empty() || impl_->tree.limit_pages() == 0) return;
  const std::span<std::byte* const> pages(session.impl().kv->pages(),
                                          static_cast<size_t>(model::pages_for(static_cast<int64_t>(tokens.size()))));
  const std::string name = scope_with(scope, session.adapters(), impl_->model);
  const PrefixTree::Inserted inserted = impl_->tree.insert(name, tokens, pages);
  if (impl_->disk) impl_->write_path(name, tokens, inserted, pages.back());
}

uint64_t PrefixCache::fetch(std::string_view scope, std::span<const int32_t> tokens, const AdapterSet& adapters) {
  return impl_->disk ? impl_->fetch(scope_with(scope, adapters, impl_->model), all_but_last(tokens)) : 0;
}

bool PrefixCache::fetching(uint64_t number) const { return impl_->fetches.count(number) != 0; }
void PrefixCache::poll() { impl_->poll(); }
bool PrefixCache::make_room(int64_t count) { return impl_->tree.make_room(count); }
int64_t PrefixCache::reclaimable_pages() const { return impl_->tree.reclaimable_pages(); }
void PrefixCache::clear() { impl_->tree.clear(); }

PrefixCacheStats PrefixCache::stats() const {
  PrefixCacheStats stats = impl_->counts;
  stats.pages = impl_->tree.pages();
  stats.bytes = stats.pages * impl_->model.pages.page_bytes;
  stats.evicted_pages = impl_->tree.evicted_pages();
  stats.disk_dropped = impl_->dropped;
  if (!impl_->disk) return stats;
  const PrefixDisk::Stats disk = impl_->disk->stats();
  stats.disk_bytes = disk.bytes;
  stats.disk_files = disk.files;
  stats.disk_pages_read = disk.pages_read;
  stats.disk_pages_written = disk.pages_written;
  stats.disk_damaged = disk.damaged;
  stats.disk_dropped += disk.dropped;
  return stats;
}

}  // namespace hearth
