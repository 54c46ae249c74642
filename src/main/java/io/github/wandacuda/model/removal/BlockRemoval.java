package io.github.wandacuda.model.removal;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.DecoderTensors;
import io.github.wandacuda.model.FurtherBlocks;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.PositionTable;
import io.github.wandacuda.model.Rotary;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.quantized.Quantization;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The blocks of a decoder, and the model without some of them. The remaining blocks are renumbered
 * without gaps, and the config says of each new number what it said of the old one. Tensors are
 * moved as bytes, so weights may be of any format.
 *
 * <p>Some loaders tell by a block's number alone whether it has a window, is rotated or has
 * experts, whatever the config lists. If they are right about the model, they have to be right
 * about the smaller one; then only whole periods of its kinds of blocks can be removed.
 */
public final class BlockRemoval implements Removal {
  private static final Set<String> COUNTS =
      Set.of("num_hidden_layers", "n_layer", "n_layers", "num_layers");

  /**
   * Keys that say where one kind of blocks ends and another begins: by a number of blocks, or by
   * the last one.
   */
  private static final Set<String> FIRST =
      Set.of("first_k_dense_replace", "max_window_layers", "moe_layer_start_index");

  /** In the names of lists that have an entry for each block. */
  private static final Pattern BY_BLOCK = Pattern.compile("layer|block|pattern");

  /** Lists of blocks' numbers. */
  private static final String DENSE = "mlp_only_layers";

  private static final String MIXTURES = "moe_layers";
  private static final Set<String> NUMBERS = Set.of(DENSE, MIXTURES);

  /** A block's number in the name of a module, or one of several in an expression for names. */
  private static final String NUMBERED =
      "(?:^|\\W)%s\\\\*\\.(?:\\((?:\\?:)?|\\[(?!0-9\\]))?(\\d{1,6})(?!\\d)(?=(\\*)?)";

  /** A key that a path can have; no loader has others. */
  private static final Pattern KEY = Pattern.compile("[^./~]+");

  private static final Pattern EXPRESSION = Pattern.compile("re:.*");

  private final ModelDirectory model;
  private final ErrorDetails place;
  private final DecoderFamily family;

  /** The beginning of a block's tensors' names between the prefix and the number. */
  private final String stem;

  /** Matches a tensor's name as far as the block's number. */
  private final Pattern start;

  /** A text for each block that says what it computes. */
  private final List<String> kinds;

  /** Lists of the config that say nothing beyond what blocks' numbers say. */
  private final List<String> counted;

  /** See {@link #period()}; -1 until it is asked for. */
  private int period = -1;

  /**
   * Finds a model's blocks.
   *
   * @throws InputException if its family isn't known, or the config doesn't describe its tensors
   */
  public BlockRemoval(ModelDirectory model) {
    model.requireUnpacked("removing blocks");
    this.model = model;
    place = ErrorDetails.file(model.config().file());
    family = DecoderFamilies.of(model.config());
    DecoderDescription decoder = family.describe(model.config());
    String first = decoder.block().apply(0).attention().output().name();
    stem = first.substring(0, Math.max(0, first.indexOf("0.")));
    DecoderTensors tensors = DecoderTensors.of(model, decoder);
    start = Pattern.compile(Pattern.quote(tensors.fullName(stem)) + "(\\d{1,9})(?=\\.)");
    decoder.linears().forEach(tensors::require);
    decoder.blocks().flatMap(BlockDescription::norms).forEach(tensors::require);
    kinds = kinds(decoder);
    JsonNode root = model.config().root();
    counted =
        Stream.of(root, root.path("text_config"))
            .flatMap(object -> object.properties().stream())
            .filter(key -> isByBlock(key.getKey(), key.getValue()) || key.getKey().equals(MIXTURES))
            .map(Map.Entry::getKey)
            .filter(list -> says(root.deepCopy(), list, kinds))
            .toList();
  }

  /** Returns a text for each block, the same for those that compute the same with their weights. */
  private List<String> kinds(DecoderDescription decoder) {
    return IntStream.range(0, decoder.shape().blocks())
        .mapToObj(
            block -> {
              StringBuilder kind = new StringBuilder();
              describe(decoder.block().apply(block), stem + block + ".", kind);
              return kind.toString();
            })
        .toList();
  }

  /**
   * Appends the description of a block's part. Functions and tables are described by their first
   * results.
   */
  private static void describe(Object part, String own, StringBuilder kind) {
    switch (part) {
      case null -> kind.append("none");
      case String name -> kind.append(name.startsWith(own) ? name.substring(own.length()) : name);
      case List<?> list -> list.forEach(each -> describe(each, own, kind));
      case IntFunction<?> experts -> describe(experts.apply(0), own, kind);
      case PositionTable table -> kind.append(Arrays.toString(table.at(2, 2).data()));
      case Rotary rotary -> describe(List.of(rotary.pairs(), rotary.cosines()), own, kind);
      case Record described -> {
        for (RecordComponent component : described.getClass().getRecordComponents()) {
          try {
            component.getAccessor().setAccessible(true);
            describe(component.getAccessor().invoke(described), own, kind);
          } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
          }
        }
      }
      default -> kind.append(part);
    }
    kind.append(';');
  }

  /** Returns whether a config, without one of its keys, describes blocks of some kinds. */
  private boolean says(ObjectNode root, String without, List<String> expected) {
    root.findParents(without).forEach(parent -> ((ObjectNode) parent).remove(without));
    ModelConfig config = model.config();
    try {
      return kinds(family.describe(new ModelConfig(config.file(), root, false, config.family())))
          .equals(expected);
    } catch (InputException e) {
      return false; // The family has no such blocks.
    }
  }

  /**
   * Returns whether blocks would compute the same with their new numbers.
   *
   * @param kept the old numbers of those that stay
   */
  private boolean fits(List<Integer> kept) {
    ObjectNode root = model.config().root().deepCopy();
    config(kept)
        .forEach(
            (path, value) -> {
              JsonPointer key = JsonPointer.compile("/" + path.replace('.', '/'));
              ((ObjectNode) root.at(key.head()))
                  .set(key.last().getMatchingProperty(), JsonTree.made(JsonText.line(value)));
            });
    List<String> expected = kept.stream().map(kinds::get).toList();
    return says(root.deepCopy(), "", expected)
        && counted.stream().allMatch(list -> says(root.deepCopy(), list, expected));
  }

  private List<Integer> kept(IntPredicate gone) {
    return IntStream.range(0, size()).filter(gone.negate()).boxed().toList();
  }

  @Override
  public int size() {
    return kinds.size();
  }

  /** Returns how many blocks a share is, rounded down to whole periods. */
  @Override
  public int share(double ratio, int multiple) {
    return (int) (size() * ratio) / Math.max(1, period()) * period();
  }

  /**
   * Returns how many consecutive blocks can be removed, wherever they begin: 1 if all blocks are of
   * one kind or the config lists their kinds, else a period of the kinds.
   *
   * @return 0 if none can be removed
   */
  public int period() {
    if (period < 0) {
      // Tried with the first blocks removed, since all other numbers change then, and with the last
      // ones removed, since kinds may depend on the number of blocks.
      period =
          IntStream.range(1, size())
              .filter(
                  count -> fits(kept(at -> at < count)) && fits(kept(at -> at >= size() - count)))
              .findFirst()
              .orElse(0);
    }
    return period;
  }

  @Override
  public void requireRemovable(int count) {
    if (count < 1 || count >= size()) {
      throw place.wrong("1 to %d of the %d blocks to remove".formatted(size() - 1, size()), count);
    }
    if (period() == 0 || count % period() != 0) {
      throw place.wrong(
          "whole periods of %d blocks to remove, since loaders tell kinds of blocks by numbers"
              .formatted(period() == 0 ? size() : period()),
          count);
    }
  }

  /**
   * Checks that so many blocks can be removed between the first and the last one.
   *
   * @throws InputException if there are fewer
   */
  public void requireInnerRemovable(int count) {
    if (count > size() - 2) {
      throw place.wrong(
          "at most %d of the %d blocks to remove, since score loss keeps the first and the last"
              .formatted(Math.max(0, size() - 2), size()),
          count);
    }
  }

  @Override
  public StructurePlan without(Map<Integer, List<Integer>> removed) {
    List<Integer> kept = kept(removed::containsKey);
    if (removed.isEmpty() || kept.isEmpty() || kept.size() + removed.size() != size()) {
      throw place.part("blocks").wrong("some of 0 to %d".formatted(size() - 1), removed.keySet());
    }
    if (!fits(kept)) {
      throw place.part("blocks").wrong("whole periods of their kinds", removed.keySet());
    }
    FurtherBlocks further = FurtherBlocks.of(model.config(), model.checkpoint());
    List<SlicedTensor> tensors = new ArrayList<>();
    for (Checkpoint.Entry entry : model.checkpoint().stored().toList()) {
      String tensor = entry.info().name();
      Matcher name = start.matcher(tensor);
      int number = name.lookingAt() ? kept.indexOf(Integer.parseInt(name.group(1))) : size();
      if (number >= 0 && !further.have(tensor)) {
        String own = number == size() ? tensor : renumbered(tensor, name, number);
        tensors.add(SlicedTensor.whole(own, entry));
      }
    }
    return new StructurePlan(model, tensors, config(kept));
  }

  /**
   * Returns the values of the config that change, by the keys' paths.
   *
   * @param kept the old numbers of the blocks that stay
   */
  private SortedMap<String, Object> config(List<Integer> kept) {
    SortedMap<String, Object> config = new TreeMap<>(FurtherBlocks.none(model.config()));
    JsonNode root = model.config().root();
    for (String path : List.of("", "text_config.")) {
      JsonNode object = path.isEmpty() ? root : root.path("text_config");
      for (Map.Entry<String, JsonNode> entry : object.properties()) {
        Object now = now(entry.getKey(), entry.getValue(), kept);
        if (!Objects.equals(now, JsonTree.plain(entry.getValue()))
            && KEY.matcher(entry.getKey()).matches()) {
          config.putIfAbsent(path + entry.getKey(), now);
        }
      }
      int step = object.path("decoder_sparse_step").asInt(1);
      if (step > 1) {
        Set<Integer> dense = new TreeSet<>(kept(block -> (block + 1) % step == 0));
        object.path(DENSE).forEach(block -> dense.add(block.asInt()));
        config.put(path + DENSE, places(dense.stream(), kept));
        config.put(path + "decoder_sparse_step", 1);
      }
    }
    model.config().quantization().ifPresent(settings -> rename(settings, kept, config));
    return config;
  }

  /** Returns the value that a key has without the removed blocks. */
  private Object now(String key, JsonNode value, List<Integer> kept) {
    if (COUNTS.contains(key) && value.asInt() == size()) {
      return kept.size();
    } else if (FIRST.contains(key) && value.isInt()) {
      return before(value.intValue(), kept);
    } else if ("moe_layer_end_index".equals(key) && value.asInt(-1) >= 0) {
      return before(value.intValue() + 1, kept) - 1;
    } else if (NUMBERS.contains(key) && value.isArray()) {
      return places(value.valueStream().map(block -> block.asInt(-1)), kept);
    } else if (isByBlock(key, value)) {
      return kept.stream().map(block -> JsonTree.plain(value.get(block))).toList();
    }
    return JsonTree.plain(value);
  }

  private boolean isByBlock(String key, JsonNode value) {
    return value.isArray()
        && value.size() >= size()
        && BY_BLOCK.matcher(key).find()
        && !NUMBERS.contains(key);
  }

  private static List<Integer> places(Stream<Integer> blocks, List<Integer> kept) {
    return blocks.map(kept::indexOf).filter(place -> place >= 0).toList();
  }

  private static int before(int end, List<Integer> kept) {
    return (int) kept.stream().filter(block -> block < end).count();
  }

  /**
   * Renumbers the modules in lists of modules that aren't quantized, and drops those that are
   * removed.
   */
  private void rename(
      Quantization quantization, List<Integer> kept, SortedMap<String, Object> config) {
    String container = stem.substring(stem.lastIndexOf('.', stem.length() - 2) + 1);
    Pattern numbered =
        Pattern.compile(NUMBERED.formatted(Pattern.quote(container.replace(".", ""))));
    String path = model.config().root().has(quantization.key()) ? "" : "text_config.";
    for (Map.Entry<String, JsonNode> setting : quantization.settings().properties()) {
      List<Object> names = new ArrayList<>();
      for (JsonNode name :
          setting.getValue().isArray() ? setting.getValue() : List.of(setting.getValue())) {
        String text = name.isTextual() ? name.textValue() : name.toString();
        Matcher number = numbered.matcher(text);
        if (!number.find() || LinearModules.isOfOtherTower(text)) {
          names.add(JsonTree.plain(name));
          continue;
        }
        if (!name.isTextual()
            || number.group(2) != null
            || EXPRESSION.matcher(text).matches()
            || !quantization.file().equals(model.config().file())
            || !KEY.matcher(setting.getKey()).matches()) {
          throw quantization.wrong(
              setting.getKey(), "no blocks by their numbers, which change", name);
        }
        int now = kept.indexOf(Integer.parseInt(number.group(1)));
        if (now >= 0) {
          names.add(renumbered(text, number, now));
        }
        config.put(path + quantization.key() + "." + setting.getKey(), names);
      }
    }
  }

  private static String renumbered(String name, Matcher found, int number) {
    return name.substring(0, found.start(1)) + number + name.substring(found.end(1));
  }
}
