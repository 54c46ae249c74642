package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.ErrorDetails;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A model in GGUF without some of its parts: its keys, and which bytes of the source its tensors
 * are. Nothing is requantized, so each code that stays is the source's. Immutable.
 *
 * @param keys in the source's order, new ones last
 * @param slices its tensors, in the source's order
 */
public record GgufRemoval(Path source, Map<String, GgufValue> keys, List<GgufSlice> slices) {
  private static final Pattern IN_BLOCK = Pattern.compile("blk\\.(\\d+)\\.(.+)");

  /** Tensors with something of each expert, in their outermost dimension. */
  private static final Pattern OF_EXPERTS =
      Pattern.compile(
          "ffn_(gate|up|down|gate_up)_exps\\.(weight|bias|scale|input_scale)"
              + "|ffn_gate_inp\\.(weight|bias)|exp_probs_b(\\.bias)?");

  private static final String EXPERTS = "expert_count";
  private static final String USED = "expert_used_count";
  private static final String DENSE_FIRST = "leading_dense_block_count";

  /** What keys begin with that say how a model is split into files. */
  private static final String SPLIT = "split.";

  /** What keys of Apertus' activation begin with, which have a number for each block. */
  private static final String ACTIVATION = "xielu.";

  private static final String NAME = "general.name";
  private static final String DESCRIPTION = "general.description";
  private static final String BASE_COUNT = "general.base_model.count";
  private static final String BASE_NAME = "general.base_model.0.name";

  public GgufRemoval {
    keys = Collections.unmodifiableMap(new LinkedHashMap<>(keys));
    slices = List.copyOf(slices);
  }

  /**
   * Returns a whole model, of which parts can be removed; of a split one as a single file.
   *
   * @param checkpoint a model's in GGUF
   */
  public static GgufRemoval whole(Checkpoint checkpoint) {
    return whole(GgufCheckpoint.filesOf(checkpoint));
  }

  static GgufRemoval whole(GgufFiles files) {
    Map<String, GgufValue> keys = new LinkedHashMap<>(files.keys());
    keys.keySet().removeIf(key -> key.startsWith(SPLIT));
    return new GgufRemoval(
        files.path(), keys, files.tensors().values().stream().map(GgufSlice::whole).toList());
  }

  /**
   * Returns the same with what was done in the keys that tell of a model.
   *
   * @param done in a sentence
   */
  public GgufRemoval described(String done) {
    Map<String, GgufValue> changed = new LinkedHashMap<>(keys);
    changed.put(DESCRIPTION, GgufValue.of(done));
    GgufValue name = keys.get(NAME);
    if (name != null && !keys.containsKey(BASE_COUNT)) {
      changed.put(BASE_COUNT, GgufValue.of(1));
      changed.put(BASE_NAME, name);
    }
    return new GgufRemoval(source, changed, slices);
  }

  /**
   * Returns the type that the matrices have whose columns go with channels. Columns of one block of
   * codes share scales, so they go together.
   *
   * @return of several types the one with the largest blocks
   */
  public GgufType typeOfChannels() {
    return typeOf("ffn_down.weight");
  }

  /** Returns the type that the matrices have whose columns go with heads, likewise. */
  public GgufType typeOfHeads() {
    return typeOf("attn_output.weight");
  }

  private GgufType typeOf(String name) {
    return slices.stream()
        .filter(slice -> nameInBlock(slice).filter(name::equals).isPresent())
        .map(GgufSlice::type)
        .max(Comparator.comparing(GgufType::blockElements))
        .orElse(GgufType.F32);
  }

  private static Optional<String> nameInBlock(GgufSlice slice) {
    Matcher name = IN_BLOCK.matcher(slice.name());
    return name.matches() ? Optional.of(name.group(2)) : Optional.empty();
  }

  /**
   * Checks that llama.cpp loads the model with so many experts in each mixture, whichever these
   * are.
   *
   * @throws io.github.wandacuda.error.UsageException if it doesn't
   */
  public void requireExperts(int left) {
    loading().requireExperts(left);
  }

  /**
   * Checks that llama.cpp loads the model without so many blocks, as far as it doesn't depend on
   * which these are.
   *
   * @throws io.github.wandacuda.error.UsageException if it doesn't
   */
  public void requireBlocksWithout(int removed) {
    loading().requireBlocks((int) model().allBlocks() - removed);
  }

  /**
   * Checks that llama.cpp loads the model with fewer heads.
   *
   * @throws io.github.wandacuda.error.UsageException if it doesn't
   */
  public void requireFewerHeads() {
    loading().requireFewerHeads();
  }

  /** Returns the header of the smaller file, version 3. */
  GgufHeader header() {
    int alignment =
        Optional.ofNullable(keys.get(GgufHeader.ALIGNMENT))
            .map(value -> (int) value.number().orElseThrow())
            .orElse(GgufHeader.DEFAULT_ALIGNMENT);
    List<GgufTensor> tensors = new ArrayList<>();
    long at = 0;
    for (GgufSlice slice : slices) {
      tensors.add(new GgufTensor(slice.name(), slice.type(), slice.shape(), at));
      at = GgufHeader.padded(at + slice.bytes(), alignment);
    }
    return GgufHeader.of(keys, tensors, alignment);
  }

  /**
   * Returns the model without some experts.
   *
   * @param kept those that stay by block, ascending: as many of each
   * @throws io.github.wandacuda.error.UsageException if blocks would differ in their number
   */
  public GgufRemoval keepExperts(SortedMap<Integer, List<Integer>> kept) {
    Set<Integer> counts = new TreeSet<>(kept.values().stream().map(List::size).toList());
    if (counts.size() != 1) {
      throw model()
          .problem(EXPERTS)
          .refused("as many experts in each block, of which GGUF has one number", counts);
    }
    int count = counts.iterator().next();
    long before = model().needed(EXPERTS);
    Map<String, GgufValue> changed = new LinkedHashMap<>(keys);
    changed.put(model().name(EXPERTS), GgufValue.of(count));
    model().find(USED).ifPresent(used -> changed.put(model().name(USED), used.atMost(count)));
    loading().requireExperts(count);
    return edited(
        changed,
        OF_EXPERTS,
        (slice, block, name) -> {
          if (!kept.containsKey(block)) {
            throw ErrorDetails.tensor(source, slice.stored().name())
                .refused(
                    "as many experts in each block, of which GGUF has one number",
                    "all of those of block %d kept".formatted(block));
          }
          int dimension = slice.size(0) == 1 && before != 1 ? 1 : 0;
          if (slice.size(dimension) != before) {
            throw ErrorDetails.tensor(source, slice.stored().name())
                .wrong("%d experts".formatted(before), "shape " + slice.shape());
          }
          return slice.keep(dimension, array(kept.get(block)));
        });
  }

  /**
   * Returns the model without some blocks; those behind them get lower numbers.
   *
   * @param removed numbers of decoder blocks
   */
  public GgufRemoval removeBlocks(Set<Integer> removed) {
    int count = (int) model().needed(GgufKeys.BLOCK_COUNT);
    IntPredicate stays = block -> !removed.contains(block);
    int[] left = IntStream.range(0, count).filter(stays).toArray();
    Map<Integer, Integer> renumbered = new TreeMap<>();
    for (int block : left) {
      renumbered.put(block, renumbered.size());
    }
    loading().requireBlocks(left.length);
    Map<String, GgufValue> changed = new LinkedHashMap<>(keys);
    loading()
        .windows()
        .ifPresent(windows -> changed.put(model().name(GgufLoading.WINDOWS), windows));
    changed.put(model().name(GgufKeys.BLOCK_COUNT), GgufValue.of(left.length));
    changed.replaceAll(
        (name, value) ->
            isByBlock(name) && value.isArray() && value.count() == count
                ? value.keep(left)
                : value);
    model()
        .whole(DENSE_FIRST)
        .ifPresent(
            dense ->
                changed.put(
                    model().name(DENSE_FIRST),
                    GgufValue.of((int) Arrays.stream(left).filter(b -> b < dense).count())));
    model()
        .whole(GgufKeys.PREDICTORS)
        .ifPresent(
            further ->
                changed.put(
                    model().name(GgufKeys.PREDICTORS),
                    GgufValue.of(
                        (int) Arrays.stream(left).filter(b -> b >= count - further).count())));
    loading().requireAWindow(changed.get(model().name(GgufLoading.WINDOWS)));
    List<GgufSlice> kept = new ArrayList<>();
    for (GgufSlice slice : slices) {
      Matcher name = IN_BLOCK.matcher(slice.name());
      if (!name.matches()) {
        kept.add(slice);
      } else if (renumbered.containsKey(Integer.valueOf(name.group(1)))) {
        int number = renumbered.get(Integer.valueOf(name.group(1)));
        kept.add(slice.named("blk.%d.%s".formatted(number, name.group(2))));
      }
    }
    return new GgufRemoval(source, changed, kept);
  }

  private boolean isByBlock(String name) {
    return name.startsWith(model().architecture() + ".") || name.startsWith(ACTIVATION);
  }

  /**
   * Returns the model without some channels of its dense MLPs.
   *
   * @param kept those that stay by block, ascending; in whole blocks of codes, and as many of each
   * @throws io.github.wandacuda.error.UsageException if blocks would differ in their number, or
   *     blocks of codes lose some of their columns
   */
  public GgufRemoval keepChannels(SortedMap<Integer, List<Integer>> kept) {
    return new GgufWidths(this).keepChannels(kept);
  }

  /**
   * Returns the model without some heads: whole groups of queries with their head of keys and
   * values.
   *
   * @param kept heads of keys that stay by block, ascending, as many of each
   * @throws io.github.wandacuda.error.UsageException as {@link #keepChannels}, or if llama.cpp
   *     doesn't load the architecture with fewer heads
   */
  public GgufRemoval keepHeads(SortedMap<Integer, List<Integer>> kept) {
    return new GgufWidths(this).keepHeads(kept);
  }

  @FunctionalInterface
  interface Edit {
    GgufSlice of(GgufSlice slice, int block, String name);
  }

  /** Returns the model with other keys, and with others in the place of some tensors of blocks. */
  GgufRemoval edited(Map<String, GgufValue> changed, Pattern names, Edit edit) {
    List<GgufSlice> all = new ArrayList<>();
    for (GgufSlice slice : slices) {
      Matcher place = IN_BLOCK.matcher(slice.name());
      all.add(
          place.matches() && names.matcher(place.group(2)).matches()
              ? edit.of(slice, Integer.parseInt(place.group(1)), place.group(2))
              : slice);
    }
    return new GgufRemoval(source, changed, all);
  }

  static int[] array(List<Integer> numbers) {
    return numbers.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Returns what the keys say, by names without the architecture. */
  GgufKeys model() {
    return new GgufKeys(source, keys);
  }

  GgufLoading loading() {
    return GgufLoading.of(model());
  }
}
