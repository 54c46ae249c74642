package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The blocks of a decoder, and the model without some of them. The others get numbers without gaps,
 * and the config says of each by its new number what it said by the old one; bytes are only moved,
 * so weights may be of any format.
 *
 * <p>Some loaders know from a block's number alone whether it has a window, is rotated or has
 * experts, whatever the config lists. Where they are right about a model, they have to stay so:
 * then only whole periods of its kinds can go.
 */
public final class BlockRemoval implements Removal {
  private static final List<String> COUNTS =
      List.of("num_hidden_layers", "n_layer", "n_layers", "num_layers");

  /** In the names of lists that have an entry for each block. */
  private static final Pattern BY_BLOCK = Pattern.compile("layer|block|pattern");

  private static final String DENSE = "mlp_only_layers";
  private static final String MIXTURES = "moe_layers";

  /** Lists of blocks' numbers. */
  private static final Set<String> NUMBERS = Set.of(DENSE, MIXTURES, "full_attn_idxs");

  /** How many of the first blocks are of a kind. */
  private static final Set<String> FIRST =
      Set.of(
          "first_k_dense_replace",
          "max_window_layers",
          "moe_layer_start_index",
          "num_dense_layers");

  private static final String LAST = "moe_layer_end_index";
  private static final String STEP = "decoder_sparse_step";
  private static final String TEXT = "text_config";

  /** A block's number in the name of a module, or one of several in an expression for names. */
  private static final String NUMBERED =
      "((?:^|\\W)%s\\\\*\\.(?:\\((?:\\?:)?|\\[(?!0-9\\]))?)(\\d{1,6})(?!\\d)";

  /** How an expression for names begins. */
  private static final Pattern EXPRESSION = Pattern.compile("re:|[+-]:");

  private static final ObjectMapper JSON = new ObjectMapper();

  private final ModelDirectory model;
  private final ErrorDetails place;
  private final DecoderFamily family;

  /** What the names of a block's tensors begin with before its number, without the prefix. */
  private final String stem;

  private final List<String> kinds;

  /** Lists of the config without which kinds would be the same: blocks' numbers tell them too. */
  private final List<String> counted;

  private final Pattern numbered;

  /** See {@link #period()}; -1 until it is asked for. */
  private int period = -1;

  /** A tensor, its name before and behind its block's number, and that number or -1. */
  private record Part(Checkpoint.Entry entry, String before, int block, String behind) {}

  private final List<Part> parts = new ArrayList<>();

  private BlockRemoval(ModelDirectory model) {
    this.model = model;
    place = ErrorDetails.file(model.config().file());
    family = DecoderFamilies.of(model.config());
    DecoderDescription decoder = family.describe(model.config());
    String first = decoder.block().apply(0).attention().output().name();
    stem = first.substring(0, Math.max(0, first.indexOf("0.")));
    DecoderTensors tensors =
        DecoderTensors.of(model, decoder.prefixes(), decoder.embedding().table());
    find(tensors.fullName(stem), decoder.shape().blocks());
    for (int block = 0; block < decoder.shape().blocks(); block++) {
      require(decoder.block().apply(block), stem + block + ".", tensors);
    }
    kinds = BlockKinds.of(decoder, stem);
    counted = lists().filter(list -> says(without(list, model.config()), kinds)).toList();
    String container = stem.substring(stem.lastIndexOf('.', stem.length() - 2) + 1);
    numbered = Pattern.compile(NUMBERED.formatted(Pattern.quote(container.replace(".", ""))));
  }

  /**
   * Finds a model's blocks.
   *
   * @throws InputException if its family isn't known, or the config doesn't describe its tensors
   */
  public static BlockRemoval of(ModelDirectory model) {
    model.requireUnpacked("removing blocks");
    return new BlockRemoval(model);
  }

  private void find(String start, int blocks) {
    FurtherBlocks further = FurtherBlocks.of(model.config(), model.checkpoint());
    Set<Integer> found = new TreeSet<>();
    Matcher name = Pattern.compile(Pattern.quote(start) + "(\\d{1,9})(\\..+)").matcher("");
    for (SafetensorsFile shard : model.checkpoint().shards()) {
      for (TensorInfo info : shard.stored()) {
        boolean inBlock = name.reset(info.name()).matches();
        int block = inBlock ? Integer.parseInt(name.group(1)) : -1;
        Checkpoint.Entry entry = new Checkpoint.Entry(shard, info);
        if (further.have(info.name())) {
          continue;
        }
        if (block >= blocks) {
          throw ErrorDetails.file(shard.path())
              .tensor(info.name())
              .wrong("one of the %d blocks of config.json".formatted(blocks), "another");
        }
        found.add(block);
        parts.add(
            inBlock
                ? new Part(entry, start, block, name.group(2))
                : new Part(entry, info.name(), -1, ""));
      }
    }
    for (int block = 0; block < blocks; block++) {
      if (!found.contains(block)) {
        throw ErrorDetails.file(model.path()).tensor(start + block + ".*").wrong("it", "none");
      }
    }
  }

  /** Checks that a block's tensors are there, as the config says, and are called by its number. */
  private void require(BlockDescription block, String own, DecoderTensors tensors) {
    block.linears().forEach(linear -> requireOwn(tensors.require(linear), tensors.fullName(own)));
    block
        .norms()
        .forEach(
            norm -> {
              tensors.require(norm);
              requireOwn(tensors.fullName(norm.name()), tensors.fullName(own));
            });
  }

  private void requireOwn(String name, String own) {
    if (!name.startsWith(own)) {
      throw ErrorDetails.file(model.path())
          .tensor(name)
          .wrong("a name that begins with " + Printable.of(own), "another");
    }
  }

  /** Returns the keys of lists that say of each block what it is. */
  private Stream<String> lists() {
    JsonNode root = model.config().root();
    return Stream.of(root, root.path(TEXT))
        .flatMap(object -> object.properties().stream())
        .filter(key -> isByBlock(key.getKey(), key.getValue()) || key.getKey().equals(MIXTURES))
        .map(Map.Entry::getKey);
  }

  /** Returns whether a config describes blocks of some kinds. */
  private boolean says(ModelConfig config, List<String> expected) {
    try {
      return BlockKinds.of(family.describe(config), stem).equals(expected);
    } catch (InputException e) {
      return false; // The family has no such blocks.
    }
  }

  private static ModelConfig without(String key, ModelConfig config) {
    ObjectNode root = config.root().deepCopy();
    root.remove(key);
    if (root.path(TEXT) instanceof ObjectNode text) {
      text.remove(key);
    }
    return new ModelConfig(config.file(), root, false, config.family());
  }

  private boolean isByBlock(String key, JsonNode value) {
    return value.isArray()
        && value.size() >= size()
        && BY_BLOCK.matcher(key).find()
        && !NUMBERS.contains(key);
  }

  @Override
  public int size() {
    return kinds.size();
  }

  /** Returns how many blocks a share is: whole periods. */
  @Override
  public int share(double ratio, int multiple) {
    return (int) (size() * ratio) / Math.max(1, period()) * period();
  }

  /**
   * Returns how many blocks side by side can go, wherever they begin: 1 where a block's kind is
   * said by the config or all are of one, a period of them where its number tells it.
   *
   * @return 0 if none can go
   */
  public int period() {
    if (period < 0) {
      period = IntStream.range(1, size()).filter(this::isPeriod).findFirst().orElse(0);
    }
    return period;
  }

  private boolean isPeriod(int count) {
    return IntStream.rangeClosed(0, size() - count)
        .allMatch(start -> fits(kept(block -> block >= start && block < start + count)));
  }

  private List<Integer> kept(IntPredicate gone) {
    return IntStream.range(0, size()).filter(gone.negate()).boxed().toList();
  }

  /** Returns whether blocks compute the same by their new numbers. */
  private boolean fits(List<Integer> kept) {
    ObjectNode root = model.config().root().deepCopy();
    config(kept)
        .forEach(
            (path, value) -> {
              int dot = path.lastIndexOf('.');
              ObjectNode object =
                  dot < 0 ? root : root.withObject("/" + path.substring(0, dot).replace('.', '/'));
              object.putPOJO(path.substring(dot + 1), value);
            });
    List<String> expected = kept.stream().map(kinds::get).toList();
    ModelConfig smaller =
        new ModelConfig(
            model.config().file(), JSON.valueToTree(root), false, model.config().family());
    return says(smaller, expected)
        && counted.stream().allMatch(list -> says(without(list, smaller), expected));
  }

  @Override
  public void requireRemovable(int count) {
    if (count < 1 || count >= size()) {
      throw place.wrong("1 to %d blocks to remove of %d".formatted(size() - 1, size()), count);
    }
    if (period() == 0) {
      throw place.wrong("blocks that compute the same by other numbers", "none of which any do");
    }
    if (count % period() != 0) {
      throw place.wrong(
          "a multiple of %d blocks to remove, since loaders tell kinds of blocks by numbers"
              .formatted(period()),
          count);
    }
  }

  /** Checks that so many can go between the first block and the last one. */
  public void requireInnerRemovable(int count) {
    if (count > size() - 2) {
      throw place.wrong(
          "at most %d blocks to remove of %d, since the first and the last stay by loss"
              .formatted(Math.max(0, size() - 2), size()),
          count);
    }
  }

  /** Returns the bytes of each block's tensors. */
  public long[] bytes() {
    long[] bytes = new long[size()];
    parts.stream()
        .filter(part -> part.block() >= 0)
        .forEach(part -> bytes[part.block()] += part.entry().info().bytes());
    return bytes;
  }

  @Override
  public StructurePlan without(Map<Integer, List<Integer>> removed) {
    Set<Integer> gone = removed.keySet();
    List<Integer> kept = kept(gone::contains);
    if (gone.isEmpty() || kept.isEmpty() || kept.size() + gone.size() != size()) {
      throw place.part("blocks").wrong("some of 0 to %d".formatted(size() - 1), gone);
    }
    if (!fits(kept)) {
      throw place.part("blocks").wrong("whole periods of their kinds", gone);
    }
    List<SlicedTensor> tensors = new ArrayList<>();
    for (Part part : parts) {
      int number = kept.indexOf(part.block());
      if (part.block() < 0 || number >= 0) {
        String name = part.before() + (number < 0 ? "" : number) + part.behind();
        tensors.add(SlicedTensor.whole(name, part.entry()));
      }
    }
    return new StructurePlan(model, tensors, config(kept));
  }

  /** Returns what the config says otherwise without some blocks, by the keys' paths. */
  private SortedMap<String, Object> config(List<Integer> kept) {
    SortedMap<String, Object> config = new TreeMap<>(FurtherBlocks.none(model.config()));
    JsonNode root = model.config().root();
    add("", root, kept, config);
    add(TEXT + ".", root.path(TEXT), kept, config);
    Quantization.of(model.config()).ifPresent(settings -> add(settings, kept, config));
    return config;
  }

  private void add(
      String path, JsonNode object, List<Integer> kept, SortedMap<String, Object> config) {
    int step = object.path(STEP).asInt(1);
    if (step > 1) {
      Set<Integer> dense = new TreeSet<>(numbers(object.path(DENSE)));
      IntStream.range(0, size()).filter(block -> (block + 1) % step != 0).forEach(dense::add);
      config.put(path + DENSE, places(dense, kept));
      config.put(path + STEP, 1);
    }
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      JsonNode value = entry.getValue();
      Object now = value;
      if (COUNTS.contains(entry.getKey()) && value.asInt() == size()) {
        now = kept.size();
      } else if (FIRST.contains(entry.getKey()) && value.isInt()) {
        now = before(value.intValue(), kept);
      } else if (LAST.equals(entry.getKey()) && value.asInt(-1) >= 0) {
        now = before(value.intValue() + 1, kept) - 1;
      } else if (NUMBERS.contains(entry.getKey()) && value.isArray()) {
        now = places(numbers(value), kept);
      } else if (isByBlock(entry.getKey(), value)) {
        now = kept.stream().map(block -> plain(value.get(block))).toList();
      }
      if (now != value && !Objects.equals(now, plain(value))) {
        config.putIfAbsent(path + entry.getKey(), now);
      }
    }
  }

  private static Object plain(JsonNode value) {
    return JSON.convertValue(value, Object.class);
  }

  private static List<Integer> numbers(JsonNode list) {
    return list.valueStream().map(block -> block.asInt(-1)).toList();
  }

  private static List<Integer> places(Collection<Integer> blocks, List<Integer> kept) {
    return blocks.stream().map(kept::indexOf).filter(place -> place >= 0).toList();
  }

  private static int before(int end, List<Integer> kept) {
    return (int) kept.stream().filter(block -> block < end).count();
  }

  /** Adds settings of quantized modules that name these by their blocks. */
  private void add(
      Quantization quantization, List<Integer> kept, SortedMap<String, Object> config) {
    boolean inside = quantization.file().equals(model.config().file());
    String path = model.config().root().has(quantization.key()) ? "" : TEXT + ".";
    for (Map.Entry<String, JsonNode> setting : quantization.settings().properties()) {
      JsonNode now = renamed(quantization, setting.getKey(), setting.getValue(), kept);
      if (!now.equals(setting.getValue())) {
        if (!inside) {
          throw quantization.wrong(
              setting.getKey(), "no blocks by their numbers", setting.getValue());
        }
        config.put(path + quantization.key() + "." + setting.getKey(), plain(now));
      }
    }
  }

  /** Returns settings that name modules by their blocks' new numbers. */
  private JsonNode renamed(
      Quantization quantization, String setting, JsonNode value, List<Integer> kept) {
    if (value.isArray()) {
      ArrayNode list = JSON.createArrayNode();
      for (JsonNode each : value) {
        if (!each.isTextual()) {
          list.add(renamed(quantization, setting, each, kept));
        } else {
          renamed(quantization, setting, each.textValue(), kept).ifPresent(list::add);
        }
      }
      return list;
    }
    if (value.isObject()) {
      ObjectNode object = JSON.createObjectNode();
      value
          .properties()
          .forEach(
              each ->
                  renamed(quantization, setting, each.getKey(), kept)
                      .ifPresent(
                          name ->
                              object.set(
                                  name, renamed(quantization, setting, each.getValue(), kept))));
      return object;
    }
    return value;
  }

  /** Returns a module's name with its block's new number, or nothing if the block goes. */
  private Optional<String> renamed(
      Quantization quantization, String setting, String name, List<Integer> kept) {
    Matcher number = numbered.matcher(name);
    if (!number.find() || LinearModules.isOfOtherTower(name)) {
      return Optional.of(name);
    }
    if (EXPRESSION.matcher(name).lookingAt() || name.startsWith("*", number.end(2))) {
      throw quantization.wrong(
          setting, "no blocks by their numbers, which change", TextNode.valueOf(name));
    }
    int place = kept.indexOf(Integer.parseInt(number.group(2)));
    return place < 0
        ? Optional.empty()
        : Optional.of(name.substring(0, number.end(1)) + place + name.substring(number.end(2)));
  }
}
