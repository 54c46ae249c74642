package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.ErrorDetails;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
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

  private static final Pattern OF_CHANNELS = Pattern.compile("ffn_(gate|up|down)\\.(weight|bias)");

  private static final Pattern OF_HEADS =
      Pattern.compile("attn_(q|k|v|output|q_norm|k_norm|sinks)\\.(weight|bias)");

  private static final String EXPERTS = "expert_count";
  private static final String USED = "expert_used_count";
  private static final String BLOCKS = "block_count";
  private static final String DENSE_FIRST = "leading_dense_block_count";
  private static final String PREDICTORS = "nextn_predict_layers";
  private static final String WINDOW = "attention.sliding_window";
  private static final String WINDOWS = "attention.sliding_window_pattern";
  private static final String CHANNELS = "feed_forward_length";
  private static final String HEADS = "attention.head_count";
  private static final String KEY_VALUE_HEADS = "attention.head_count_kv";
  private static final String KEY_SIZE = "attention.key_length";
  private static final String VALUE_SIZE = "attention.value_length";

  /**
   * Of architectures whose blocks have windows by their number: one of so many, the last, has none.
   */
  private static final Map<String, Integer> PERIODS =
      Map.of(
          "gemma2", 2, "gemma3", 6, "gemma3n", 5, "gpt-oss", 2, "olmo2", 4, "cohere2", 4, "exaone4",
          4, "llama4", 4, "plamo3", 8);

  /** Those that have windows where no key says how long. */
  private static final Set<String> ALWAYS_WINDOWED = Set.of("gemma2", "exaone4", "llama4");

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
   * Checks that channels and heads can be removed one by one: those of codes go in whole blocks.
   *
   * @throws io.github.wandacuda.error.UsageException if a matrix that loses columns has codes
   */
  public void requirePlainColumns() {
    for (GgufSlice slice : slices) {
      Matcher name = IN_BLOCK.matcher(slice.name());
      boolean loses =
          name.matches() && name.group(2).matches("ffn_down\\.weight|attn_output\\.weight");
      if (loses && slice.type().blockElements() > 1) {
        throw ErrorDetails.tensor(source, slice.stored().name())
            .hint("experts and blocks can be removed of any type")
            .refused(
                "F32, F16 or BF16, of which single columns can go",
                "%s, whose codes share a scale by %d"
                    .formatted(slice.type(), slice.type().blockElements()));
      }
    }
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
    requireGroups(before, count);
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

  /** Groups of experts are consecutive, and llama.cpp ends its process where they aren't whole. */
  private void requireGroups(long before, int after) {
    long groups = model().whole("expert_group_count").orElse(1);
    if (groups > 1 && (after % groups != 0 || groups >= after || before % groups != 0)) {
      throw model()
          .problem("expert_group_count")
          .refused(
              "a number of experts above %d that %d groups share evenly".formatted(groups, groups),
              after);
    }
  }

  /**
   * Returns the model without some blocks; those behind them get lower numbers.
   *
   * @param removed numbers of decoder blocks
   */
  public GgufRemoval removeBlocks(Set<Integer> removed) {
    GgufRemoval explicit = withWindows();
    int count = (int) model().needed(BLOCKS);
    IntPredicate stays = block -> !removed.contains(block);
    int[] left = IntStream.range(0, count).filter(stays).toArray();
    Map<Integer, Integer> renumbered = new TreeMap<>();
    for (int block : left) {
      renumbered.put(block, renumbered.size());
    }
    Map<String, GgufValue> changed = new LinkedHashMap<>(explicit.keys);
    changed.put(model().name(BLOCKS), GgufValue.of(left.length));
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
        .whole(PREDICTORS)
        .ifPresent(
            further ->
                changed.put(
                    model().name(PREDICTORS),
                    GgufValue.of(
                        (int) Arrays.stream(left).filter(b -> b >= count - further).count())));
    requireAWindow(changed.get(model().name(WINDOWS)));
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

  /** Says of each block whether it has a window, where llama.cpp tells that by its number. */
  private GgufRemoval withWindows() {
    Integer usual = PERIODS.get(model().architecture());
    OptionalLong length = model().whole(WINDOW);
    boolean windowed =
        length.isPresent()
            ? length.getAsLong() > 0
            : ALWAYS_WINDOWED.contains(model().architecture());
    GgufValue given = keys.get(model().name(WINDOWS));
    if (usual == null || !windowed || (given != null && given.isArray())) {
      return this;
    }
    int count = (int) model().needed(BLOCKS);
    long own = count - model().whole(PREDICTORS).orElse(0);
    long period = given == null ? usual : given.number().orElse(usual);
    boolean[] windows = new boolean[count];
    for (int block = 0; block < count; block++) {
      windows[block] = block < own && (period == 0 || block % period < period - 1);
    }
    Map<String, GgufValue> changed = new LinkedHashMap<>(keys);
    changed.put(model().name(WINDOWS), GgufValue.of(windows));
    return new GgufRemoval(source, changed, slices);
  }

  private void requireAWindow(GgufValue windows) {
    boolean none =
        PERIODS.containsKey(model().architecture())
            && windows != null
            && windows
                .numbers()
                .filter(all -> Arrays.stream(all).allMatch(w -> w == 0))
                .isPresent();
    if (none) {
      throw model()
          .problem(WINDOWS)
          .refused("a block with a window among those that stay", "none, at which llama.cpp ends");
    }
  }

  /**
   * Returns the model without some channels of its dense MLPs.
   *
   * @param kept those that stay by block, ascending; in whole blocks of codes, and as many of each
   */
  public GgufRemoval keepChannels(SortedMap<Integer, List<Integer>> kept) {
    Map<String, GgufValue> changed = new LinkedHashMap<>(keys);
    putByBlock(changed, CHANNELS, kept, 1);
    return edited(
        changed,
        OF_CHANNELS,
        (slice, block, name) -> {
          boolean down = name.startsWith("ffn_down");
          if (!kept.containsKey(block) || (down && name.endsWith(".bias"))) {
            return slice;
          }
          return slice.keep(down ? slice.dimensions() - 1 : 0, array(kept.get(block)));
        });
  }

  /**
   * Returns the model without some heads: whole groups of queries with their head of keys and
   * values.
   *
   * @param kept heads of keys that stay by block, ascending, as many of each
   */
  public GgufRemoval keepHeads(SortedMap<Integer, List<Integer>> kept) {
    int heads = (int) model().needed(HEADS);
    int keyHeads = (int) model().whole(KEY_VALUE_HEADS).orElse(heads);
    int usual = (int) model().needed("embedding_length") / heads;
    int keySize = (int) model().whole(KEY_SIZE).orElse(usual);
    int valueSize = (int) model().whole(VALUE_SIZE).orElse(usual);
    int each = heads / keyHeads;
    Map<String, GgufValue> changed = new LinkedHashMap<>(keys);
    putByBlock(changed, HEADS, kept, each);
    putByBlock(changed, KEY_VALUE_HEADS, kept, 1);
    changed.put(model().name(KEY_SIZE), GgufValue.of(keySize));
    changed.put(model().name(VALUE_SIZE), GgufValue.of(valueSize));
    return edited(
        changed,
        OF_HEADS,
        (slice, block, name) -> {
          String part = name.substring("attn_".length(), name.lastIndexOf('.'));
          boolean outputBias = part.equals("output") && name.endsWith(".bias");
          boolean ofOneHead =
              part.endsWith("norm") && slice.dimensions() == 1 && slice.size(0) == keySize;
          if (!kept.containsKey(block) || outputBias || ofOneHead) {
            return slice;
          }
          boolean ofKeys = part.startsWith("k") || part.equals("v");
          int size =
              switch (part) {
                case "sinks" -> 1;
                case "v", "output" -> valueSize;
                default -> keySize;
              };
          int[] indexes = ofHeads(array(kept.get(block)), ofKeys ? 1 : each, size);
          return slice.keep(part.equals("output") ? slice.dimensions() - 1 : 0, indexes);
        });
  }

  /** Returns the elements of heads, of which each index stands for so many. */
  private static int[] ofHeads(int[] groups, int each, int size) {
    return Arrays.stream(groups)
        .flatMap(group -> IntStream.range(group * each * size, (group + 1) * each * size))
        .toArray();
  }

  /** Puts what stays of each block: one number, since llama.cpp reads one. */
  private void putByBlock(
      Map<String, GgufValue> changed,
      String name,
      SortedMap<Integer, List<Integer>> kept,
      int each) {
    Set<Integer> counts = new TreeSet<>(kept.values().stream().map(List::size).toList());
    boolean all =
        model().whole(name).isEmpty()
            || kept.size() == model().needed(BLOCKS) - model().whole(PREDICTORS).orElse(0);
    if (counts.size() != 1 || !all) {
      throw model()
          .problem(name)
          .refused("one width of all blocks, since llama.cpp reads one number", counts);
    }
    changed.put(model().name(name), GgufValue.of(counts.iterator().next() * each));
  }

  @FunctionalInterface
  private interface Edit {
    GgufSlice of(GgufSlice slice, int block, String name);
  }

  private GgufRemoval edited(Map<String, GgufValue> changed, Pattern names, Edit edit) {
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

  private static int[] array(List<Integer> numbers) {
    return numbers.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Returns what the keys say, by names without the architecture. */
  private GgufKeys model() {
    return new GgufKeys(source, keys);
  }
}
