package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.gguf.GgufArchitecture.Written;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.text.TokenizerSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;

/**
 * A model of Hugging Face as a file in GGUF: the inverse of {@link GgufConfig} and {@link
 * GgufViews}, by the same table of names and keys. Matrices get one type; norms, biases and what
 * routes tokens to experts stay F32, as llama.cpp's converter has it, and so do rows that aren't
 * whole blocks: these become F16.
 */
public final class GgufExport {
  private static final String EXPERTS = "_exps.weight";

  /** Buffers that some checkpoints have beside the weights; they follow from the config. */
  private static final List<String> BUFFERS =
      List.of(".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias");

  private final Checkpoint checkpoint;
  private final Path file;
  private final ObjectNode config;
  private final GgufArchitecture architecture;
  private final GgufType type;
  private final Map<String, GgufRows> rows = new LinkedHashMap<>();
  private final Map<String, List<Long>> shapes = new LinkedHashMap<>();
  private final GgufHeader header;

  /**
   * Lays the file out.
   *
   * @param file the model's {@code config.json}, for messages
   * @param config its content
   * @param tokenizer the model's; a file without one has token ids alone
   * @param type of the matrices, one of {@link #types}
   * @throws io.github.wandacuda.error.InputException if the model is of a family that isn't
   *     written, or has a tensor or tokenizer that has no form in GGUF
   */
  public GgufExport(
      Checkpoint checkpoint, Path file, JsonNode config, TokenizerSource tokenizer, String type) {
    this.checkpoint = checkpoint;
    this.file = file;
    this.type = GgufType.valueOf(type);
    architecture = GgufArchitecture.ofModel(file, config.path("model_type").asText(""));
    this.config = config.deepCopy();
    JsonNode defaults = architecture.writing().defaults();
    defaults
        .properties()
        .forEach(
            key -> {
              if (!this.config.hasNonNull(key.getKey())) {
                this.config.set(key.getKey(), key.getValue());
              }
            });
    gather();
    GgufExportKeys keys = new GgufExportKeys(file, this.config, architecture, shapes);
    keys.frequencies().ifPresent(this::addFrequencies);
    Map<String, GgufValue> all = keys.all(checkpoint.directory(), sizeLabel(), this.type);
    long vocabulary = shapes.get(GgufTensor.EMBEDDING).getFirst();
    all.putAll(
        new GgufExportTokenizer(tokenizer, this.config, checkpoint.directory()).keys(vocabulary));
    header = header(all);
  }

  /** Returns the names of the types that matrices can be written in. */
  public static List<String> types() {
    return GgufQuantizer.types().stream().map(GgufType::name).toList();
  }

  private void gather() {
    Map<String, SortedMap<Integer, Checkpoint.Entry>> stacks = new LinkedHashMap<>();
    checkpoint
        .stored()
        .filter(entry -> BUFFERS.stream().noneMatch(entry.info().name()::endsWith))
        .forEach(
            entry -> {
              Written written = find(entry);
              SortedMap<Integer, Checkpoint.Entry> parts =
                  stacks.computeIfAbsent(written.name(), unused -> new TreeMap<>());
              if (parts.put(written.expert(), entry) != null) {
                throw problem(entry).wrong("one tensor for " + written.name(), "another");
              }
            });
    if (!stacks.containsKey(GgufTensor.EMBEDDING)) {
      throw ErrorDetails.file(checkpoint.directory()).wrong("an embedding of tokens", "none");
    }
    if (architecture.writing().ownOutput()) {
      stacks.putIfAbsent(GgufTensor.OUTPUT, stacks.get(GgufTensor.EMBEDDING));
    }
    stacks.forEach((name, parts) -> add(name, parts));
  }

  private static ErrorDetails problem(Checkpoint.Entry entry) {
    return ErrorDetails.tensor(entry.shard().path(), entry.info().name());
  }

  private Written find(Checkpoint.Entry entry) {
    TensorInfo info = entry.info();
    ErrorDetails where = problem(entry);
    if (info.type().isEmpty()) {
      throw where
          .hint("only weights that aren't quantized are converted")
          .wrong("F32, F16 or BF16", Printable.of(info.dtype()));
    }
    if (info.shape().isEmpty() || info.shape().size() > 2 || info.elements() == 0) {
      throw where.wrong("a vector or a matrix", "shape " + info.shape());
    }
    return architecture
        .findWritten(info.name())
        .orElseThrow(
            () ->
                where.wrong(
                    "a tensor that a %s has in GGUF".formatted(config.path("model_type").asText()),
                    "one of this name"));
  }

  private void add(String name, SortedMap<Integer, Checkpoint.Entry> stack) {
    List<Checkpoint.Entry> parts = List.copyOf(stack.values());
    TensorInfo first = parts.getFirst().info();
    List<Long> shape = new ArrayList<>(first.shape());
    boolean stacked = stack.firstKey() >= 0;
    if (stacked) {
      if (stack.firstKey() != 0 || stack.lastKey() != parts.size() - 1) {
        throw problem(parts.getFirst())
            .wrong("experts numbered from 0 without a gap", stack.keySet());
      }
      for (Checkpoint.Entry part : parts) {
        if (!part.info().shape().equals(first.shape())) {
          throw problem(part)
              .wrong(
                  "shape %s as of %s".formatted(first.shape(), first.name()), part.info().shape());
        }
      }
      shape.addFirst((long) parts.size());
    }
    boolean matrix = first.shape().size() == 2;
    IntUnaryOperator order = order(name, parts.getFirst());
    int columns = Math.toIntExact(matrix || order == null ? first.shape().getLast() : 1);
    int partRows = Math.toIntExact(first.elements() / columns);
    float added = name.endsWith("norm.weight") && architecture.plusOne() ? 1 : 0;
    rows.put(name, new GgufRows(parts, partRows, columns, order, added, null));
    shapes.put(name, shape);
  }

  /**
   * Returns which row of the source each row of a query's or key's weight is, or each element of
   * its bias; null where the file has the source's order.
   */
  private IntUnaryOperator order(String name, Checkpoint.Entry tensor) {
    boolean query = name.contains(".attn_q.");
    if (!architecture.pairs() || !query && !name.contains(".attn_k.")) {
      return null;
    }
    int queries = config.path("num_attention_heads").asInt();
    int heads = query ? queries : config.path("num_key_value_heads").asInt(queries);
    int all = Math.toIntExact(tensor.info().shape().getFirst());
    if (heads < 1 || all % (2 * heads) != 0) {
      throw problem(tensor)
          .wrong("rows of %d heads, of which each has two parts".formatted(heads), all);
    }
    int size = all / heads;
    // Row 2 i + j of a head in the file is j size/2 + i here.
    return row -> row - row % size + row % size % 2 * (size / 2) + row % size / 2;
  }

  private void addFrequencies(float[] divisors) {
    rows.put(GgufTensor.DIVISORS, GgufRows.of(divisors));
    shapes.put(GgufTensor.DIVISORS, List.of((long) divisors.length));
  }

  private static long elements(List<Long> shape) {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** Returns how large the model is, in the converter's words. */
  private String sizeLabel() {
    long experts = 0;
    long share = 0;
    for (Map.Entry<String, List<Long>> tensor : shapes.entrySet()) {
      boolean stacked = tensor.getKey().endsWith(EXPERTS);
      long count = stacked ? tensor.getValue().getFirst() : 1;
      experts = stacked ? count : experts;
      share += elements(tensor.getValue()) / count;
    }
    return experts > 0 ? "%dx%s".formatted(experts, rounded(share)) : rounded(share);
  }

  private static String rounded(double count) {
    String[] units = {"K", "M", "B", "T"};
    double scaled = count / 1000;
    int unit = 0;
    while (scaled >= 1000 && unit < units.length - 1) {
      scaled /= 1000;
      unit++;
    }
    long whole = Math.round(scaled);
    int digits = whole == 0 ? 2 : Math.max(0, 2 - Long.toString(whole).length());
    return ("%." + digits + "f%s").formatted(scaled, units[unit]);
  }

  private GgufHeader header(Map<String, GgufValue> keys) {
    List<GgufTensor> tensors = new ArrayList<>();
    long begin = 0;
    for (Map.Entry<String, List<Long>> tensor : shapes.entrySet()) {
      GgufTensor placed =
          new GgufTensor(tensor.getKey(), typeOf(tensor.getKey()), tensor.getValue(), begin);
      tensors.add(placed);
      begin = GgufHeader.padded(placed.end(), GgufHeader.DEFAULT_ALIGNMENT);
    }
    return GgufHeader.of(keys, tensors, GgufHeader.DEFAULT_ALIGNMENT);
  }

  private GgufType typeOf(String name) {
    List<Long> shape = shapes.get(name);
    boolean routes = name.contains(".ffn_gate_inp");
    if (shape.size() == 1 || name.endsWith("_norm.weight") || routes) {
      return GgufType.F32;
    }
    return shape.getLast() % type.blockElements() == 0 ? type : GgufType.F16;
  }

  GgufHeader header() {
    return header;
  }

  /** Returns where a tensor's numbers come from. */
  GgufRows rows(GgufTensor tensor) {
    return rows.get(tensor.name());
  }

  /** Returns the length of the file. */
  public long bytes() {
    return GgufCopy.bytes(header);
  }

  /** Returns how many tensors of each type there are, by the types' names. */
  public SortedMap<String, Integer> typeCounts() {
    SortedMap<String, Integer> counts = new TreeMap<>();
    header.tensors().forEach(tensor -> counts.merge(tensor.type().name(), 1, Integer::sum));
    return counts;
  }
}
