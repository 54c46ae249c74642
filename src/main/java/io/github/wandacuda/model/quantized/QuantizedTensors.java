package io.github.wandacuda.model.quantized;

import static io.github.wandacuda.system.LittleEndian.INT;
import static io.github.wandacuda.system.LittleEndian.LONG;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.quantized.QuantizedModule.Coding;
import io.github.wandacuda.model.quantized.QuantizedModule.Layout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * Finds the tensors of quantized weights. The stored tensors decide whether a module is quantized,
 * and the config how its codes are read; if the two contradict each other, the model is refused.
 *
 * <p>The formats: FP8 with a scale for the matrix, each row or each block, as DeepSeek, ModelOpt,
 * fbgemm and compressed-tensors store it; MXFP4 as gpt-oss and compressed-tensors do, and NVFP4;
 * integers of 8 bits or packed, of compressed-tensors; GPTQ and AWQ.
 *
 * @param config what the model says about its format; nothing if it says nothing
 * @param checkpoint has the tensors
 * @param search finds names by the config's patterns
 */
public record QuantizedTensors(
    Optional<Quantization> config, Checkpoint checkpoint, NamePatterns.Search search) {
  /** The columns that share a scale in the OCP's microscaling formats. */
  private static final int MX_GROUP = 32;

  private static final int NV_GROUP = 16;

  /** The length of the longest array that every JVM can make. */
  private static final int MOST = Integer.MAX_VALUE - 8;

  /** The blocks of ModelOpt's FP8_PB_WO. */
  private static final int[] MODELOPT_BLOCK = {128, 128};

  private static final List<String> CODES =
      List.of(".weight", ".weight_packed", ".qweight", ".weight_blocks");

  /**
   * Returns how a module's weight is quantized.
   *
   * @param name the module's full name
   * @param transposed whether the module stores its matrix as [in, out]
   * @return nothing if the weight isn't quantized
   * @throws InputException if tensors are missing, or don't fit each other or the config
   */
  public Optional<QuantizedModule> find(String name, boolean transposed) {
    List<Checkpoint.Entry> stored =
        CODES.stream().flatMap(suffix -> checkpoint.find(name + suffix).stream()).toList();
    if (stored.size() > 1) {
      throw place(stored.get(1))
          .wrong("one of a module's weights", "both it and " + stored.get(0).info().name());
    }
    if (stored.isEmpty()) {
      return Optional.empty();
    }
    Checkpoint.Entry codes = stored.getFirst();
    if (codes.info().type().isPresent()) {
      requirePlain(name, codes);
      return Optional.empty();
    }
    if (config.isEmpty()) {
      return Optional.of(
          QuantizedModule.unread(
              codes,
              place(codes)
                  .hint("leave it out with `exclude` '%s'".formatted(name))
                  .wrong(
                      "F32, F16 or BF16, or a quantization_config in config.json",
                      Printable.of(codes.info().dtype()))));
    }
    Quantization settings = config.get();
    if (!settings.isRead()) {
      return Optional.of(QuantizedModule.unread(codes, settings.unread()));
    }
    if (settings.isLeftOut(name, search)) {
      throw place(codes)
          .wrong(
              "F32, F16 or BF16, since %s lists the module as one that isn't quantized"
                  .formatted(settings.file().getFileName()),
              Printable.of(codes.info().dtype()));
    }
    return Optional.of(new Module(settings, name, codes, transposed).find());
  }

  /**
   * Checks that a weight of numbers has no scale: it wouldn't be clear whether the numbers are
   * multiplied by it already.
   */
  private void requirePlain(String name, Checkpoint.Entry weight) {
    for (String suffix : List.of(".weight_scale", ".weight_scale_inv", ".scale")) {
      if (checkpoint.find(name + suffix).isPresent()) {
        throw place(weight)
            .wrong("codes, since %s%s is there".formatted(name, suffix), weight.info().dtype());
      }
    }
  }

  private static ErrorDetails place(Checkpoint.Entry entry) {
    return ErrorDetails.tensor(entry.shard().path(), entry.info().name());
  }

  /**
   * Returns the format of scales by their tensor's type.
   *
   * @return nothing if a tensor of the type can't hold scales
   */
  private static Optional<NumberFormat> number(String dtype) {
    return switch (dtype) {
      case "F32", "F16", "BF16" -> Optional.of(NumberFormat.valueOf(dtype));
      case "F8_E4M3" -> Optional.of(NumberFormat.E4M3);
      case "F8_E8M0", "U8" -> Optional.of(NumberFormat.E8M0);
      default -> Optional.empty();
    };
  }

  private static MemorySegment read(Checkpoint.Entry entry) {
    int size = fitting(entry, "bytes", entry.info().bytes());
    MemorySegment bytes = MemorySegment.ofArray(new byte[size]);
    entry.shard().read(entry.info(), 0, bytes);
    return bytes;
  }

  /**
   * Checks a size that follows from a tensor's shape, for Java's arrays and matrices.
   *
   * @param what it counts, such as {@code columns}
   * @throws InputException if it is too large
   */
  private static int fitting(Checkpoint.Entry entry, String what, long size) {
    if (size > MOST) {
      throw place(entry)
          .wrong(
              "at most %d %s".formatted(MOST, what),
              "%d by shape %s".formatted(size, entry.info().shape()));
    }
    return (int) size;
  }

  /** Returns the integers of a tensor of I32 or I64, which are from -1 to the largest int. */
  private static int[] integers(Checkpoint.Entry entry) {
    boolean wide = entry.info().dtype().equals("I64");
    MemorySegment bytes = read(entry);
    return LongStream.range(0, entry.info().elements())
        .mapToInt(
            index ->
                wide
                    ? Math.clamp(bytes.get(LONG, index * Long.BYTES), -1, Integer.MAX_VALUE)
                    : bytes.get(INT, index * Integer.BYTES))
        .toArray();
  }

  private final class Module {
    private final Quantization settings;
    private final String name;
    private final Checkpoint.Entry codes;
    private final TensorInfo info;
    private final boolean transposed;
    private final Set<Checkpoint.Entry> others = new LinkedHashSet<>();

    Module(Quantization settings, String name, Checkpoint.Entry codes, boolean transposed) {
      this.settings = settings;
      this.name = name;
      this.codes = codes;
      this.transposed = transposed;
      info = codes.info();
    }

    public QuantizedModule find() {
      String method = settings.method();
      List<String> endings =
          switch (method) {
            case "mxfp4" -> List.of(".weight_blocks");
            case "gptq", "awq" -> List.of(".qweight");
            case "compressed-tensors" -> List.of(".weight", ".weight_packed");
            default -> List.of(".weight");
          };
      if (endings.stream().noneMatch(info.name()::endsWith)) {
        throw place(codes).wrong("tensors of a weight of quant_method " + method, info.what());
      }
      return switch (method) {
        case "mxfp4" -> blocks();
        case "gptq" -> gptq();
        case "awq" -> awq();
        case "compressed-tensors" -> compressed();
        case "fbgemm_fp8" -> fp8("weight_scale", Optional.empty());
        case "fp8" -> ofBlocks();
        default -> modelopt();
      };
    }

    private QuantizedModule ofBlocks() {
      boolean four = info.dtype().equals("I8") || info.dtype().equals("U8");
      if (four && other("scale").isPresent()) {
        return fp4("MXFP4", MX_GROUP, "scale", null, false);
      }
      Optional<int[]> block = settings.block(settings.settings(), "weight_block_size");
      String scale =
          Stream.of("weight_scale_inv", "scale", "weight_scale")
              .filter(suffix -> other(suffix).isPresent())
              .findFirst()
              .orElse(block.isPresent() ? "weight_scale_inv" : "weight_scale");
      return fp8(scale, block);
    }

    private QuantizedModule modelopt() {
      if (info.dtype().equals("U8")) {
        return fp4("NVFP4", NV_GROUP, "weight_scale", "weight_scale_2", false);
      }
      Checkpoint.Entry scale = require("weight_scale");
      List<Long> shape = scale.info().shape();
      boolean exponents = number(scale.info().dtype()).equals(Optional.of(NumberFormat.E8M0));
      if (exponents) {
        return fp8("weight_scale", Optional.of(new int[] {1, MX_GROUP}));
      }
      boolean blocks = shape.size() == 4 || (shape.size() == 2 && shape.get(1) > 1);
      return fp8("weight_scale", blocks ? Optional.of(MODELOPT_BLOCK) : Optional.empty());
    }

    private QuantizedModule compressed() {
      Optional<JsonNode> group = settings.group(name, search);
      if (group.isEmpty()) {
        throw place(codes).wrong("a config group that targets " + name, "none");
      }
      JsonNode weights = group.get().path("weights");
      boolean packed = info.name().endsWith(".weight_packed");
      boolean whole = weights.path("type").asText().equals("int");
      int size = Math.max(0, weights.path("group_size").asInt(0));
      if (packed && whole) {
        return packed(weights, weights.path("strategy").asText().equals("group") ? size : 0);
      }
      if (packed) {
        return size == NV_GROUP
            ? fp4("NVFP4", NV_GROUP, "weight_scale", "weight_global_scale", true)
            : fp4("MXFP4", MX_GROUP, "weight_scale", null, false);
      }
      if (whole) {
        return int8();
      }
      String format =
          group.get().path("format").asText(settings.settings().path("format").asText());
      if (format.equals("mxfp8-quantized")) {
        return fp8("weight_scale", Optional.of(new int[] {1, MX_GROUP}));
      }
      boolean blocks = weights.path("strategy").asText().equals("block");
      return fp8(
          "weight_scale", blocks ? settings.block(weights, "block_structure") : Optional.empty());
    }

    /** Describes FP8, with a scale for the matrix, each row or each block. */
    private QuantizedModule fp8(String suffix, Optional<int[]> block) {
      if (!info.dtype().equals("F8_E4M3") && !info.dtype().equals("F8_E5M2")) {
        throw place(codes).wrong("F8_E4M3 or F8_E5M2", Printable.of(info.dtype()));
      }
      int rows = transposed ? info.columns() : info.rows();
      int columns = transposed ? info.rows() : info.columns();
      Checkpoint.Entry scale = require(suffix);
      String what;
      Scaling scaling;
      if (block.isPresent()) {
        int high = block.get()[0];
        int wide = block.get()[1];
        int groups = Math.ceilDiv(columns, wide);
        long above = Math.ceilDiv(rows, high);
        requireShape(scale, List.of(above, (long) groups), List.of(above, 1L, (long) groups, 1L));
        scaling = new Scaling(high, wide, groups);
        what = high == 1 ? "MXFP8" : "FP8 of " + high + " x " + wide + " blocks";
      } else {
        List<List<Long>> one = List.of(List.of(), List.of(1L), List.of(1L, 1L));
        List<List<Long>> each =
            List.of(List.of((long) rows, 1L), List.of((long) rows), List.of(1L, (long) rows));
        requireShape(
            scale, Stream.concat(one.stream(), each.stream().limit(transposed ? 3 : 2)).toList());
        boolean single = scale.info().elements() == 1;
        scaling = new Scaling(single ? rows : 1, columns, 1);
        what = single ? "FP8 of one scale" : "FP8 of a scale a row";
      }
      requireNumbers(
          scale, List.of(NumberFormat.F32, NumberFormat.BF16, NumberFormat.F16, NumberFormat.E8M0));
      Coding coding =
          new Coding(
              transposed ? Layout.COLUMNS : Layout.ROWS,
              rows,
              columns,
              info.dtype().equals("F8_E4M3") ? NumberFormat.E4M3 : NumberFormat.E5M2,
              Byte.SIZE);
      return new QuantizedModule(what, codes, others, coding, () -> scaling.of(scale));
    }

    /** Describes codes of E2M1, two in a byte, the first one in the lower half. */
    private QuantizedModule fp4(
        String what, int group, String suffix, String factorSuffix, boolean divides) {
      requireType(codes, "U8", "I8");
      int rows = info.rows();
      int columns = fitting(codes, "columns", 2L * info.columns());
      if (columns % group != 0) {
        throw place(codes).wrong("columns in whole groups of " + group, columns);
      }
      Checkpoint.Entry scale = require(suffix);
      requireNumbers(scale, List.of(group == MX_GROUP ? NumberFormat.E8M0 : NumberFormat.E4M3));
      requireShape(scale, List.of((long) rows, (long) columns / group));
      Optional<Checkpoint.Entry> factor = Optional.ofNullable(factorSuffix).map(this::require);
      factor.ifPresent(entry -> requireType(entry, "F32"));
      factor.ifPresent(entry -> requireShape(entry, List.of(), List.of(1L)));
      Scaling scaling = new Scaling(1, group, columns / group);
      Coding coding =
          new Coding(Layout.ROWS, rows, columns, NumberFormat.E2M1, NumberFormat.E2M1.bits());
      Supplier<Scales> reading =
          () -> {
            Scales scales = scaling.of(scale);
            return factor.isEmpty()
                ? scales
                : scales.withFactor(factor(factor.get(), divides), divides);
          };
      return new QuantizedModule(what, codes, others, coding, reading);
    }

    private float factor(Checkpoint.Entry entry, boolean divides) {
      float factor = NumberFormat.F32.value(read(entry), 0);
      if (!Float.isFinite(factor) || factor < 0 || (divides && factor == 0)) {
        throw place(entry).wrong("a finite scale above 0", factor);
      }
      return factor;
    }

    /** Describes an expert of gpt-oss, whose stack is [experts, rows, groups, 16]. */
    private QuantizedModule blocks() {
      String stack = name.substring(0, name.lastIndexOf('.'));
      Checkpoint.Entry all = checkpoint.find(stack + "_blocks").orElseThrow();
      Checkpoint.Entry scales =
          checkpoint.find(stack + "_scales").orElseThrow(() -> missing(stack + "_scales"));
      List<Long> shape = all.info().shape();
      if (shape.size() != 4 || shape.get(3) != MX_GROUP / 2) {
        throw place(all).wrong("shape [experts, rows, groups, 16]", "shape " + shape);
      }
      requireShape(scales, shape.subList(0, 3));
      requireNumbers(scales, List.of(NumberFormat.E8M0));
      requireType(codes, "U8");
      return fp4("MXFP4", MX_GROUP, "weight_scales", null, false);
    }

    /**
     * Describes integers of a byte, with a scale for the matrix, each row or each group of a row's
     * columns.
     */
    private QuantizedModule int8() {
      requireType(codes, "I8");
      int rows = info.rows();
      int columns = info.columns();
      Checkpoint.Entry scale = require("weight_scale");
      requireNumbers(scale, List.of(NumberFormat.F32, NumberFormat.BF16, NumberFormat.F16));
      List<Long> shape = scale.info().shape();
      int groups = shape.size() == 2 ? (int) Math.min(shape.get(1), Integer.MAX_VALUE) : 1;
      if (groups < 1 || columns % groups != 0) {
        throw place(scale)
            .wrong("groups that divide %d columns".formatted(columns), "shape " + shape);
      }
      requireShape(
          scale,
          List.of((long) rows, (long) groups),
          List.of(1L),
          List.of(1L, 1L),
          List.of((long) rows));
      boolean single = scale.info().elements() == 1;
      Optional<Checkpoint.Entry> zeros = companion("weight_zero_point");
      zeros.ifPresent(entry -> requireType(entry, "I8"));
      zeros.ifPresent(entry -> requireShape(entry, shape));
      Scaling scaling = new Scaling(single ? rows : 1, columns / groups, groups);
      Coding coding = new Coding(Layout.ROWS, rows, columns, NumberFormat.I8, Byte.SIZE);
      Supplier<Scales> reading =
          () -> {
            Scales scales = scaling.of(scale);
            return zeros
                .map(entry -> scales.withZeros((byte[]) read(entry).heapBase().orElseThrow()))
                .orElse(scales);
          };
      return new QuantizedModule("INT8", codes, others, coding, reading);
    }

    /**
     * Describes integers in a stream of bits for each row; zero points are in a stream for each
     * group.
     */
    private QuantizedModule packed(JsonNode weights, int group) {
      int bits = settings.positive(weights, "num_bits", 4);
      if (bits > Byte.SIZE) {
        throw settings.wrong("num_bits", "1 to 8", weights.path("num_bits"));
      }
      requireType(codes, "I32");
      Checkpoint.Entry shape = require("weight_shape");
      requireType(shape, "I64", "I32");
      requireShape(shape, List.of(2L));
      int[] sizes = integers(shape);
      int rows = sizes[0];
      int columns = sizes[1];
      long words = Math.ceilDiv((long) columns * bits, Integer.SIZE);
      requireShape(codes, List.of((long) rows, words));
      Checkpoint.Entry scale = require("weight_scale");
      requireNumbers(scale, List.of(NumberFormat.F32, NumberFormat.BF16, NumberFormat.F16));
      int groups = group == 0 ? 1 : Math.ceilDiv(columns, group);
      Optional<Checkpoint.Entry> order = companion("weight_g_idx");
      order.ifPresent(entry -> requireType(entry, "I32", "I64"));
      order.ifPresent(entry -> requireShape(entry, List.of((long) columns)));
      boolean symmetric = weights.path("symmetric").asBoolean(true);
      if (group == 0 && symmetric) {
        requireShape(scale, List.of((long) rows, 1L), List.of(1L), List.of(1L, 1L));
      } else {
        // Each zero point has a scale.
        requireShape(scale, List.of((long) rows, (long) groups));
      }
      Optional<Checkpoint.Entry> zeros =
          symmetric ? Optional.empty() : Optional.of(require("weight_zero_point"));
      long zeroWords = Math.ceilDiv((long) rows * bits, Integer.SIZE);
      zeros.ifPresent(entry -> requireType(entry, "I32"));
      zeros.ifPresent(entry -> requireShape(entry, List.of(zeroWords, (long) groups)));
      boolean single = scale.info().elements() == 1;
      Scaling scaling = new Scaling(single ? rows : 1, group == 0 ? columns : group, groups);
      Coding coding = new Coding(Layout.ROWS, rows, columns, NumberFormat.UNSIGNED, bits);
      Supplier<Scales> reading =
          () -> {
            Scales scales = scaling.of(scale).withZero(1 << bits - 1);
            if (zeros.isPresent()) {
              scales = scales.withZeros(ofColumns(zeros.get(), bits, rows));
            }
            return order.isPresent() ? ordered(scales, order.get(), groups) : scales;
          };
      String what = "INT%d%s".formatted(bits, group == 0 ? "" : " of groups of " + group);
      return new QuantizedModule(what, codes, others, coding, reading);
    }

    /** Adds the groups of columns to scales, unless they are all -1, which means none. */
    private Scales ordered(Scales scales, Checkpoint.Entry order, int groups) {
      int[] groupOf = integers(order);
      if (IntStream.of(groupOf).anyMatch(group -> group < 0)) {
        return scales;
      }
      return scales.groupedBy(requireGroups(order, groupOf, groups));
    }

    private static int[] requireGroups(Checkpoint.Entry order, int[] groupOf, int groups) {
      for (int column = 0; column < groupOf.length; column++) {
        if (groupOf[column] < 0 || groupOf[column] >= groups) {
          throw place(order)
              .wrong(
                  "groups from 0 to " + (groups - 1),
                  "%d of column %d".formatted(groupOf[column], column));
        }
      }
      return groupOf;
    }

    /** Describes GPTQ: words of consecutive columns, [words, rows], and scales [groups, rows]. */
    private QuantizedModule gptq() {
      int bits = settings.positive(settings.settings(), "bits", 4);
      if (bits > Byte.SIZE) {
        throw settings.wrong("bits", "1 to 8", settings.settings().path("bits"));
      }
      requireType(codes, "I32");
      int rows = info.columns();
      if ((long) rows * bits % Integer.SIZE != 0) {
        throw place(codes)
            .wrong(
                "a number of columns of which %d bits each fill whole words of 32".formatted(bits),
                "shape " + info.shape());
      }
      int columns = fitting(codes, "input features", (long) info.rows() * Integer.SIZE / bits);
      Checkpoint.Entry scale = require("scales");
      int groups = requireTurned(scale, rows);
      Checkpoint.Entry stored = require("qzeros");
      requireType(stored, "I32");
      requireShape(stored, List.of((long) groups, (long) rows * bits / Integer.SIZE));
      Optional<Checkpoint.Entry> order = companion("g_idx");
      order.ifPresent(entry -> requireType(entry, "I32", "I64"));
      order.ifPresent(entry -> requireShape(entry, List.of((long) columns)));
      boolean symmetric = settings.settings().path("sym").asBoolean(false);
      boolean second = settings.settings().path("checkpoint_format").asText().equals("gptq_v2");
      Coding coding =
          new Coding(Layout.WORDS_OF_COLUMNS, rows, columns, NumberFormat.UNSIGNED, bits);
      Supplier<Scales> reading =
          () -> {
            Scales scales = turned(scale, columns, groups);
            scales =
                symmetric
                    ? scales.withZero(1 << bits - 1)
                    : scales.withZeros(ofRows(stored, bits, rows, second ? 0 : 1, false));
            return order.isEmpty()
                ? scales
                : scales.groupedBy(requireGroups(order.get(), integers(order.get()), groups));
          };
      return new QuantizedModule("GPTQ of %d bits".formatted(bits), codes, others, coding, reading);
    }

    /**
     * Describes AWQ: words of eight rows in an order of their own, [columns, words], and scales
     * [groups, rows].
     */
    private QuantizedModule awq() {
      JsonNode all = settings.settings();
      int bits = settings.positive(all, all.has("bits") ? "bits" : "w_bit", 4);
      String version = all.path("version").asText("gemm");
      if (bits != 4 || !version.equalsIgnoreCase("gemm")) {
        throw settings.wrong("version", "AWQ of 4 bits, gemm", all.path("version"));
      }
      requireType(codes, "I32");
      // Its codes are copied into another array.
      int unused = fitting(codes, "bytes", info.bytes());
      int rows = fitting(codes, "output features", 8L * info.columns());
      int columns = info.rows();
      Checkpoint.Entry scale = require("scales");
      int groups = requireTurned(scale, rows);
      if (columns % groups != 0) {
        throw place(scale).wrong("groups that divide %d columns".formatted(columns), groups);
      }
      Optional<Checkpoint.Entry> stored = companion("qzeros");
      stored.ifPresent(entry -> requireType(entry, "I32"));
      stored.ifPresent(entry -> requireShape(entry, List.of((long) groups, rows / 8L)));
      Coding coding = new Coding(Layout.WORDS_OF_ROWS, rows, columns, NumberFormat.UNSIGNED, bits);
      Supplier<Scales> reading =
          () -> {
            Scales scales = turned(scale, columns, groups);
            return stored
                .map(entry -> scales.withZeros(ofRows(entry, bits, rows, 0, true)))
                .orElse(scales.withZero(8));
          };
      return new QuantizedModule("AWQ of 4 bits", codes, others, coding, reading);
    }

    /**
     * Checks scales that are stored as [groups, rows].
     *
     * @return the number of groups
     */
    private int requireTurned(Checkpoint.Entry scale, int rows) {
      requireNumbers(scale, List.of(NumberFormat.F16, NumberFormat.BF16, NumberFormat.F32));
      List<Long> shape = scale.info().shape();
      if (shape.size() != 2 || shape.get(0) < 1 || shape.get(1) != rows) {
        throw place(scale).wrong("shape [groups, %d]".formatted(rows), "shape " + shape);
      }
      return scale.info().rows();
    }

    private Scales turned(Checkpoint.Entry scale, int columns, int groups) {
      Scales stored = new Scaling(1, columns, groups).of(scale);
      int bytes = stored.format().bits() / Byte.SIZE;
      MemorySegment turned =
          QuantizedModule.turned(stored.data(), groups, scale.info().columns(), bytes);
      return Scales.of(turned, stored.format(), 1, Math.ceilDiv(columns, groups), groups);
    }

    /** Returns codes that are packed along the rows of [groups, words], as [rows, groups]. */
    private static byte[] ofRows(
        Checkpoint.Entry entry, int bits, int rows, int added, boolean awq) {
      int groups = entry.info().rows();
      long rowBytes = (long) entry.info().columns() * Integer.BYTES;
      Codes codes = Codes.of(read(entry), NumberFormat.UNSIGNED, bits, groups, rows, rowBytes);
      return unpacked(entry, codes, added, awq);
    }

    /** Returns codes that are packed along the columns of [words, groups], as [rows, groups]. */
    private static byte[] ofColumns(Checkpoint.Entry entry, int bits, int rows) {
      int words = entry.info().rows();
      int groups = entry.info().columns();
      MemorySegment turned = QuantizedModule.turned(read(entry), words, groups, Integer.BYTES);
      long rowBytes = (long) words * Integer.BYTES;
      Codes codes = Codes.of(turned, NumberFormat.UNSIGNED, bits, groups, rows, rowBytes);
      return unpacked(entry, codes, 0, false);
    }

    /** Returns codes of [groups, rows], a byte each, as [rows, groups]. */
    private static byte[] unpacked(Checkpoint.Entry entry, Codes codes, int added, boolean awq) {
      int groups = codes.rows();
      byte[] unpacked = new byte[fitting(entry, "zero points", (long) codes.columns() * groups)];
      for (int row = 0; row < codes.columns(); row++) {
        for (int group = 0; group < groups; group++) {
          int code = codes.get(group, awq ? QuantizedModule.awqPlace(row) : row);
          unpacked[row * groups + group] = (byte) (code + added);
        }
      }
      return unpacked;
    }

    private Optional<Checkpoint.Entry> other(String suffix) {
      return checkpoint.find(name + "." + suffix);
    }

    /** Finds a tensor that belongs to the weight, and counts it among the weight's. */
    private Optional<Checkpoint.Entry> companion(String suffix) {
      Optional<Checkpoint.Entry> found = other(suffix);
      found.ifPresent(others::add);
      return found;
    }

    private Checkpoint.Entry require(String suffix) {
      return companion(suffix).orElseThrow(() -> missing(name + "." + suffix));
    }

    private InputException missing(String tensor) {
      return ErrorDetails.tensor(checkpoint.directory(), tensor)
          .wrong("it beside " + info.name(), "it missing");
    }

    private void requireType(Checkpoint.Entry entry, String... types) {
      if (!Arrays.asList(types).contains(entry.info().dtype())) {
        throw place(entry).wrong(String.join(" or ", types), Printable.of(entry.info().dtype()));
      }
    }

    private void requireNumbers(Checkpoint.Entry entry, List<NumberFormat> formats) {
      Optional<NumberFormat> number = number(entry.info().dtype());
      if (number.isEmpty() || !formats.contains(number.get())) {
        throw place(entry).wrong("scales of " + formats, Printable.of(entry.info().dtype()));
      }
    }

    @SafeVarargs
    private void requireShape(Checkpoint.Entry entry, List<Long>... shapes) {
      requireShape(entry, Arrays.asList(shapes));
    }

    private void requireShape(Checkpoint.Entry entry, List<List<Long>> shapes) {
      if (!shapes.contains(entry.info().shape())) {
        throw place(entry)
            .wrong(
                "shape " + String.join(" or ", shapes.stream().map(List::toString).toList()),
                "shape " + entry.info().shape());
      }
    }
  }

  /** How scales are assigned to a matrix's elements: each to a block of rows and columns. */
  private record Scaling(int blockRows, int blockColumns, int groups) {
    Scales of(Checkpoint.Entry entry) {
      NumberFormat format = number(entry.info().dtype()).orElseThrow();
      MemorySegment data = read(entry);
      for (long index = 0; index < entry.info().elements(); index++) {
        float scale = format.value(data, index);
        if (!Float.isFinite(scale) || scale < 0) {
          throw place(entry)
              .wrong(
                  "finite scales from 0 on",
                  "%s at %s".formatted(scale, at(index, entry.info().shape())));
        }
      }
      return Scales.of(data, format, blockRows, blockColumns, groups);
    }

    private static List<Long> at(long index, List<Long> shape) {
      Long[] place = new Long[shape.size()];
      long rest = index;
      for (int dimension = place.length - 1; dimension >= 0; dimension--) {
        place[dimension] = rest % shape.get(dimension);
        rest /= shape.get(dimension);
      }
      return List.of(place);
    }
  }
}
