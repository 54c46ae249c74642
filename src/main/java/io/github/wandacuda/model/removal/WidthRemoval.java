package io.github.wandacuda.model.removal;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.checkpoint.gguf.GgufRemoval;
import io.github.wandacuda.checkpoint.gguf.GgufType;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.Columns;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.ProjectionDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderTensors;
import io.github.wandacuda.model.Heads;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.NormDescription;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * The channels of a model's MLPs, or the groups of its heads that share a key and a value, and the
 * model without some of them. Each block loses the same number, since the config has one number for
 * all blocks.
 */
public final class WidthRemoval implements Removal {
  private static final String HEADS = "num_attention_heads";
  private static final String KEY_VALUE_HEADS = "num_key_value_heads";

  /**
   * The channels that stay are a multiple of {@code WIDE_MULTIPLE} in MLPs of so many channels or
   * more, else of {@code MULTIPLE}.
   */
  private static final int WIDE = 2048;

  private static final int WIDE_MULTIPLE = 256;
  private static final int MULTIPLE = 32;

  /** Keys of an MLP's width. */
  private static final List<String> WIDTHS =
      List.of("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size");

  /**
   * Model types whose loaders compute a head's size from the number of heads, whatever the config
   * says; so they can't lose heads.
   */
  private static final Set<String> SIZED_BY_NUMBER =
      Set.of(
          "qwen2",
          "qwen2_5_vl",
          "qwen2_5_vl_text",
          "qwen2_moe",
          "qwen2_vl",
          "qwen2_vl_text",
          "stablelm");

  private final ModelDirectory model;
  private final Half half;
  private final DecoderDescription decoder;
  private final DecoderTensors tensors;
  private final ErrorDetails place;
  private final int groups;
  private final int width;

  /** How many neighbours go together, since their columns share a block of codes. */
  private final int together;

  /** The dimension along which each tensor is cut, by the tensor's full name. */
  private final Map<String, Cut> cuts = new HashMap<>();

  /**
   * How a tensor is cut.
   *
   * @param block the block's number
   * @param dimension along which parts are removed
   * @param parts returns the indices of a group along it
   */
  private record Cut(int block, int dimension, IntFunction<IntStream> parts) {}

  /**
   * Finds a model's channels or heads.
   *
   * @param half which it is: {@link Half#MLP} for channels, {@link Half#ATTENTION} for groups of
   *     heads
   * @throws InputException if they can't be removed from this model
   */
  public WidthRemoval(ModelDirectory model, Half half) {
    model.requireUnpacked("removing " + (half == Half.MLP ? "channels" : "heads"));
    this.model = model;
    this.half = half;
    decoder = DecoderFamilies.of(model.config()).describe(model.config());
    tensors = DecoderTensors.of(model, decoder);
    place = ErrorDetails.file(model.config().file());
    BlockDescription first = decoder.block().apply(0);
    if (half == Half.MLP) {
      groups = mlp(first).down().columns();
      width = 1;
      requireKey(widthKeys(), "the width of all MLPs, " + groups);
    } else {
      Heads heads = attention(first).heads();
      groups = heads.keyValueHeads();
      width = heads.queryWidth() / groups;
      String type = model.config().decoder().modelType();
      if (SIZED_BY_NUMBER.contains(type)) {
        throw place
            .part("model_type")
            .wrong("a type whose loaders read head_dim, to remove heads", type);
      }
      requireKey(List.of(HEADS), "the number of heads");
    }
    int ofCodes = codes().blockElements();
    together = ofCodes / gcd(ofCodes, width);
    for (int block = 0; block < blocks(); block++) {
      if (half == Half.MLP) {
        addChannels(block, mlp(decoder.block().apply(block)));
      } else {
        addHeads(block, attention(decoder.block().apply(block)));
      }
    }
    requireDescribed();
  }

  /** Returns the type of a GGUF file's matrices that read the channels or heads. */
  private GgufType codes() {
    if (!model.isGguf()) {
      return GgufType.F32;
    }
    GgufRemoval whole = GgufRemoval.whole(model.checkpoint());
    return half == Half.MLP ? whole.typeOfChannels() : whole.typeOfHeads();
  }

  private static int gcd(int one, int other) {
    return BigInteger.valueOf(one).gcd(BigInteger.valueOf(other)).intValue();
  }

  private static int leastMultiple(int one, int other) {
    return one / gcd(one, other) * other;
  }

  /** Checks that the family accepts the sizes that the config of a smaller model will have. */
  private void requireDescribed() {
    if (groups < 2) {
      return;
    }
    byte[] json = new StructurePlan(model, List.of(), config(groups - 1)).configBytes();
    ModelConfig smaller = model.config().with(json);
    int columns = 0;
    try {
      BlockDescription first = DecoderFamilies.of(smaller).describe(smaller).block().apply(0);
      columns =
          half == Half.MLP
              ? ((DenseMlp) first.mlp()).down().columns()
              : first.attention().output().columns();
    } catch (InputException e) {
      // It doesn't.
    }
    if (columns != (groups - 1) * width) {
      throw place.wrong(
          "a family whose config says the width of an MLP, and a head's size beside their number",
          "another");
    }
  }

  private DenseMlp mlp(BlockDescription block) {
    if (block.mlp() instanceof DenseMlp dense
        && (groups == 0 || dense.down().columns() == groups)) {
      return dense;
    }
    throw place.wrong(
        "blocks whose MLPs are no mixtures and all of one width, to remove channels", "others");
  }

  private AttentionDescription attention(BlockDescription block) {
    if (block.attention() instanceof AttentionDescription all
        && (groups == 0 || all.heads().queryWidth() == groups * width)
        && all.scores().keyBias() == null
        && isOfOneHead(all.queryNorm(), all.heads())
        && isOfOneHead(all.keyNorm(), all.heads())) {
      return all;
    }
    throw place.wrong(
        "attention whose heads are alike and don't meet in a norm, to remove heads", "another");
  }

  private static boolean isOfOneHead(NormDescription norm, Heads heads) {
    return norm == null || (norm.size() == heads.size() && norm.gains() == 0);
  }

  private void requireKey(List<String> keys, String what) {
    if (keys.isEmpty() || !model.config().decoder().root().path(keys.get(0)).isInt()) {
      throw place.part(String.join(", ", keys.isEmpty() ? WIDTHS : keys)).wrong(what, "none");
    }
  }

  private List<String> widthKeys() {
    JsonNode root = model.config().decoder().root();
    return WIDTHS.stream().filter(key -> root.path(key).asInt(0) == groups).toList();
  }

  private void addChannels(int block, DenseMlp mlp) {
    boolean fused = mlp.gated() && mlp.inputs().size() == 1;
    IntFunction<IntStream> rows =
        !fused
            ? IntStream::of
            : mlp.interleaved()
                ? channel -> IntStream.of(2 * channel, 2 * channel + 1)
                : channel -> IntStream.of(channel, groups + channel);
    mlp.inputs().forEach(linear -> addRows(block, linear, rows));
    addColumns(block, mlp.down());
  }

  private void addHeads(int block, AttentionDescription attention) {
    ProjectionDescription projection = attention.projection();
    int size = attention.heads().size();
    if (projection.columns().isEmpty()) {
      int[] rows = {projection.gated() ? 2 * width : width, size, size};
      for (int part = 0; part < rows.length; part++) {
        int own = rows[part];
        addRows(block, projection.linears().get(part), group -> range(group, own));
      }
    } else {
      List<Columns> columns = projection.columns();
      addRows(
          block,
          projection.linears().get(0),
          group ->
              IntStream.range(0, columns.size())
                  .boxed()
                  .flatMapToInt(
                      part ->
                          range(group, part == 0 ? width : size)
                              .map(feature -> at(columns.get(part), feature))));
    }
    if (attention.scores().sinks() != null) {
      cuts.put(
          tensors.fullName(attention.scores().sinks()),
          new Cut(block, 0, group -> range(group, width / size)));
    }
    addColumns(block, attention.output());
  }

  private static IntStream range(int group, int width) {
    return IntStream.range(group * width, (group + 1) * width);
  }

  private static int at(Columns columns, int feature) {
    return columns.offset()
        + feature / columns.width() * columns.stride()
        + feature % columns.width();
  }

  private void addRows(int block, LinearDescription linear, IntFunction<IntStream> parts) {
    add(block, linear, linear.transposed() ? 1 : 0, parts);
    if (linear.bias()) {
      cuts.put(tensors.fullName(linear.name()) + ".bias", new Cut(block, 0, parts));
    }
  }

  private void addColumns(int block, LinearDescription linear) {
    add(block, linear, linear.transposed() ? 0 : 1, group -> range(group, width));
  }

  private void add(
      int block, LinearDescription linear, int dimension, IntFunction<IntStream> parts) {
    String module = tensors.require(linear);
    tensors
        .quantized(linear)
        .ifPresent(
            codes -> {
              throw ErrorDetails.tensor(codes.codes().shard().path(), codes.codes().info().name())
                  .wrong("weights that aren't quantized, to remove a part", codes.format());
            });
    cuts.put(module + ".weight", new Cut(block, dimension, parts));
  }

  /** Returns the number of blocks. */
  public int blocks() {
    return decoder.shape().blocks();
  }

  @Override
  public int size() {
    return groups;
  }

  /**
   * Returns the number of which the channels that stay are a multiple.
   *
   * @param multiple what is asked for, or 0 for what kernels and file formats ask for of wide MLPs
   */
  public int unit(int multiple) {
    int usual = groups >= WIDE ? WIDE_MULTIPLE : 1;
    return leastMultiple(multiple > 0 ? multiple : usual, together);
  }

  @Override
  public int step() {
    return together;
  }

  /**
   * Returns how many channels or groups a share is. Channels that stay are a multiple, by default
   * one that kernels and file formats ask for.
   */
  @Override
  public int share(double ratio, int multiple) {
    int count = (int) (groups * ratio);
    if (half == Half.ATTENTION) {
      return count / together * together;
    }
    boolean narrow = groups < WIDE && groups % MULTIPLE == 0;
    int unit = unit(multiple == 0 && narrow ? MULTIPLE : multiple);
    return Math.max(0, groups - Math.ceilDiv(groups - count, unit) * unit);
  }

  @Override
  public void requireRemovable(int count) {
    requireSome(count);
    requireWholeBlocks(count);
    boolean divides =
        half == Half.ATTENTION
            && !model.isGguf()
            && model.config().decoder().modelType().equals("llama");
    if (divides) {
      int heads = (groups - count) * width / headSize();
      if (decoder.shape().hiddenSize() % heads != 0) {
        throw place
            .part(HEADS)
            .hint("the same weights load as model_type mistral")
            .wrong(
                "a divisor of hidden_size %d to be left, which llama's loaders ask for"
                    .formatted(decoder.shape().hiddenSize()),
                heads);
      }
    }
  }

  private String parts() {
    return half == Half.MLP ? "channels" : "groups of heads";
  }

  private void requireSome(int count) {
    if (groups == 1) {
      throw place.wrong("2 or more %s in each block, to remove some".formatted(parts()), "1");
    }
    if (count < 1 || count >= groups) {
      throw place.wrong(
          "1 to %d of the %d %s of each block to remove".formatted(groups - 1, groups, parts()),
          count);
    }
  }

  /** Checks that each block of codes stays or goes as a whole, since its columns share scales. */
  private void requireWholeBlocks(int count) {
    if (count % together == 0) {
      return;
    }
    ErrorDetails why =
        place.hint("%d columns of %s share scales".formatted(codes().blockElements(), codes()));
    int blocks = groups / together;
    if (blocks < 2) {
      throw why.wrong(
          "2 or more times %d %s in each block, to remove some".formatted(together, parts()),
          groups);
    }
    int nearest = Math.clamp(Math.round((double) count / together), 1, blocks - 1) * together;
    throw why.wrong(
        "a multiple of %d of the %d %s of each block to remove, such as %d"
            .formatted(together, groups, parts(), nearest),
        count);
  }

  private int headSize() {
    return attention(decoder.block().apply(0)).heads().size();
  }

  @Override
  public StructurePlan without(Map<Integer, List<Integer>> removed) {
    int count = removed.values().stream().mapToInt(List::size).findFirst().orElse(0);
    requireRemovable(count);
    List<List<Integer>> kept = new ArrayList<>();
    for (int block = 0; block < blocks(); block++) {
      Set<Integer> gone = Set.copyOf(removed.getOrDefault(block, List.of()));
      List<Integer> left =
          IntStream.range(0, groups).boxed().filter(each -> !gone.contains(each)).toList();
      if (left.size() != groups - count || gone.size() != count || removed.size() != blocks()) {
        throw place
            .part("block " + block)
            .wrong("%d of the numbers 0 to %d".formatted(count, groups - 1), gone);
      }
      kept.add(left);
    }
    List<SlicedTensor> sliced =
        model.checkpoint().stored().map(entry -> sliced(entry, kept)).toList();
    return new StructurePlan(model, sliced, config(groups - count));
  }

  private SlicedTensor sliced(Checkpoint.Entry entry, List<List<Integer>> kept) {
    String name = entry.info().name();
    Cut cut = cuts.get(name);
    return cut == null
        ? SlicedTensor.whole(name, entry)
        : SlicedTensor.of(
            entry,
            cut.dimension(),
            kept.get(cut.block()).stream()
                .flatMapToInt(group -> cut.parts().apply(group))
                .sorted()
                .boxed()
                .toList());
  }

  private SortedMap<String, Object> config(int left) {
    SortedMap<String, Object> config = new TreeMap<>();
    String of = model.config().decoder() == model.config() ? "" : "text_config.";
    if (half == Half.MLP) {
      widthKeys().forEach(key -> config.put(of + key, left));
    } else {
      config.put(of + HEADS, left * (width / headSize()));
      config.put(of + KEY_VALUE_HEADS, left);
      config.put(of + "head_dim", headSize());
    }
    return config;
  }
}
