package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.gguf.GgufArchitecture.Rules;
import io.github.wandacuda.error.ErrorDetails;
import java.util.Arrays;
import java.util.Collection;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which smaller models llama.cpp loads, and computes as the larger one. Others it refuses, ends its
 * process at, or computes otherwise without a word: these are refused here with a {@link
 * io.github.wandacuda.error.UsageException}.
 *
 * @param model the larger model's keys
 * @param rules of its architecture
 */
record GgufLoading(GgufKeys model, Rules rules) {
  private static final String GROUPS = "expert_group_count";
  private static final String QUERY_RANK = "attention.q_lora_rank";
  private static final String WINDOW = "attention.sliding_window";
  static final String WINDOWS = "attention.sliding_window_pattern";

  static GgufLoading of(GgufKeys model) {
    return new GgufLoading(model, model.architectureOf().rules());
  }

  /**
   * Checks that groups of experts, which are consecutive, stay whole.
   *
   * @param left how many experts each mixture keeps
   */
  void requireExperts(int left) {
    long before = model.experts();
    long groups = model.whole(GROUPS).orElse(1);
    if (groups > 1 && (left % groups != 0 || groups >= left || before % groups != 0)) {
      throw model
          .problem(GROUPS)
          .refused(
              "a number of experts above %d that %d groups share evenly".formatted(groups, groups),
              left);
    }
  }

  /**
   * Checks that a number of blocks doesn't change what llama.cpp takes each block for.
   *
   * @param left how many blocks stay, those that predict further tokens among them
   */
  void requireBlocks(int left) {
    long before = model.allBlocks();
    boolean other = before == rules.otherScaleAt() || left == rules.otherScaleAt();
    if (other && model.needed(GgufKeys.EMBEDDING) / model.heads() != model.headSize()) {
      throw blocks()
          .refused(
              "a model or what is left of it without %d blocks, at which llama.cpp scales scores of a %s otherwise"
                  .formatted(rules.otherScaleAt(), model.architecture()),
              "%d of %d blocks".formatted(left, before));
    }
    boolean ranked = model.whole(QUERY_RANK).isPresent();
    if (!rules.withoutQueryRank().isEmpty() && rules.withoutQueryRank().contains(left) == ranked) {
      throw blocks()
          .refused(
              "%s blocks left, with which llama.cpp loads a %s that has %s `%s`"
                  .formatted(
                      (ranked ? "other than " : "") + said(rules.withoutQueryRank()),
                      model.architecture(),
                      ranked ? "a" : "no",
                      QUERY_RANK),
              left);
    }
  }

  private ErrorDetails blocks() {
    return model.problem(GgufKeys.BLOCK_COUNT);
  }

  private static String said(Collection<Integer> numbers) {
    return String.join(" or ", numbers.stream().map(String::valueOf).toList());
  }

  /** Checks that an architecture can have fewer heads, each of the size that it has. */
  void requireFewerHeads() {
    boolean scaled =
        model.allBlocks() == rules.otherScaleAt()
            && model.needed(GgufKeys.EMBEDDING) % model.heads() == 0;
    if (model.blocks() != model.allBlocks()) {
      throw model
          .problem(GgufKeys.PREDICTORS)
          .refused("no blocks that predict further tokens, to remove heads", "some");
    }
    if (rules.squareAttention() || scaled) {
      throw model
          .problem(GgufKeys.HEADS)
          .hint("experts, blocks and channels can be removed")
          .refused(
              "an architecture whose heads needn't be as wide as its embedding together, to remove heads",
              model.architecture());
    }
  }

  /**
   * Checks that blocks are alike, of which llama.cpp reads one number.
   *
   * @param name the number's key
   * @param counts what blocks would have
   * @param of how many blocks these are; the others stay as they are, as those that predict further
   *     tokens do
   */
  void requireOneCount(String name, Collection<Integer> counts, int of) {
    Set<Integer> different = new TreeSet<>(counts);
    boolean all = model.whole(name).isEmpty() || of == model.allBlocks();
    if (different.size() != 1 || !all) {
      throw model
          .problem(name)
          .refused("one width of all blocks, since llama.cpp reads one number", different);
    }
  }

  /**
   * Returns which blocks have a window, where llama.cpp tells that by their numbers alone.
   *
   * @return nothing where a key says it, or no block has a window
   */
  Optional<GgufValue> windows() {
    OptionalLong length = model.whole(WINDOW);
    boolean windowed = length.isPresent() ? length.getAsLong() > 0 : rules.windowed();
    Optional<GgufValue> given = model.find(WINDOWS);
    if (rules.windowPeriod() == 0 || !windowed || given.filter(GgufValue::isArray).isPresent()) {
      return Optional.empty();
    }
    long period =
        given.map(GgufValue::number).orElse(OptionalLong.empty()).orElse(rules.windowPeriod());
    boolean[] windows = new boolean[(int) model.allBlocks()];
    for (int block = 0; block < windows.length; block++) {
      windows[block] = block < model.blocks() && (period == 0 || block % period < period - 1);
    }
    return Optional.of(GgufValue.of(windows));
  }

  /**
   * Checks that one of the blocks that stay has a window, if blocks have any by their number.
   *
   * @param windows which have one, or null if no key says it
   */
  void requireAWindow(GgufValue windows) {
    boolean none =
        rules.windowPeriod() > 0
            && windows != null
            && windows
                .numbers()
                .filter(all -> Arrays.stream(all).allMatch(w -> w == 0))
                .isPresent();
    if (none) {
      throw model
          .problem(WINDOWS)
          .refused("a block with a window among those that stay", "none, at which llama.cpp ends");
    }
  }
}
