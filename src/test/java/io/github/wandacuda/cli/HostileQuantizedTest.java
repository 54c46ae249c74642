package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.EditedModel;
import io.github.wandacuda.testing.EditedModel.Tensor;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Quantized checkpoints with something wrong or rare in them: refused in one line that says what,
 * or pruned, by Wanda's scores and by magnitude, and verified.
 */
class HostileQuantizedTest {
  private static final String Q = "model.layers.0.self_attn.q_proj";
  private static final String DOWN = "model.layers.1.mlp.down_proj";
  private static final String GATE = "model.layers.1.mlp.gate_proj";
  private static final String W1 = "model.layers.0.block_sparse_moe.experts.1.w1";
  private static final String DOWN_EXPERTS = "model.layers.0.mlp.experts.down_proj";
  private static final String GATE_EXPERTS = "model.layers.1.mlp.experts.gate_up_proj";

  private static final String BLOCK = "fp8-block-llama-wide";
  private static final String ROWS = "fbgemm-fp8-llama-gqa";
  private static final String NVFP4 = "ct-nvfp4-qwen3";
  private static final String MODELOPT = "modelopt-nvfp4-mixtral";
  private static final String MXFP4 = "ct-mxfp4-llama-wide";
  private static final String GPT_OSS = "mxfp4-gpt_oss";
  private static final String INT4 = "ct-int4-channel-qwen3";
  private static final String INT4_ZERO = "ct-int4-zero-llama-gqa";
  private static final String INT4_ORDER = "ct-int4-order-llama-gqa";
  private static final String INT4_EXPERTS = "ct-int4-experts-mixtral";
  private static final String INT3 = "ct-int3-llama-gqa";

  private static final String SCALE = ".weight_scale";
  private static final String INVERSE = ".weight_scale_inv";
  private static final String CODES = ".weight";
  private static final String PACKED = ".weight_packed";
  private static final String ORDER = ".weight_g_idx";
  private static final String LIST = "modules_to_not_convert";
  private static final String SHAPE = "shape";
  private static final String MISSING = "missing";

  @TempDir Path directory;

  /** A model that is changed; words of the line that refuses it, or none if it is pruned. */
  private record Case(
      String name, String fixture, Consumer<EditedModel> edit, List<String> refusal) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Case refused(
      String name, String fixture, Consumer<EditedModel> edit, String... words) {
    return new Case(name, fixture, edit, List.of(words));
  }

  private static Case pruned(String name, String fixture, Consumer<EditedModel> edit) {
    return new Case(name, fixture, edit, List.of());
  }

  private static Consumer<EditedModel> value(String tensor, float value, int... index) {
    return model -> model.put(tensor, value, index);
  }

  private static Consumer<EditedModel> bits(String tensor, int bits, int... index) {
    return model -> model.put(tensor, bits, index);
  }

  private static Consumer<EditedModel> without(String tensor) {
    return model -> assertThat(model.tensors().remove(tensor)).isNotNull();
  }

  private static Consumer<EditedModel> changed(String tensor, UnaryOperator<Tensor> change) {
    return model -> model.tensors().compute(tensor, (name, found) -> change.apply(found));
  }

  private static Consumer<EditedModel> shaped(String tensor, int... shape) {
    return changed(tensor, found -> found.of(shape));
  }

  private static Consumer<EditedModel> listed(String module) {
    return model -> ((ArrayNode) model.quantization().get(LIST)).add(module);
  }

  private static Consumer<EditedModel> setting(Consumer<ObjectNode> change) {
    return model -> change.accept(model.quantization());
  }

  /** Adds a block behind the last one, for further tokens. */
  private static void addBlock(EditedModel model) {
    for (var tensor : List.copyOf(model.tensors().entrySet())) {
      if (tensor.getKey().startsWith("model.layers.1.")) {
        model.tensors().put(tensor.getKey().replace("layers.1.", "layers.2."), tensor.getValue());
      }
    }
    model.tensors().put("model.layers.2.eh_proj.weight", Tensor.zeros("BF16", 2, 64, 128));
  }

  private static void fill(byte[] bytes, int from, int to, int value) {
    Arrays.fill(bytes, from, to, (byte) value);
  }

  /** Sets the last word of each row. */
  private static Tensor padded(Tensor words) {
    byte[] bytes = words.bytes();
    int rowBytes = words.shape()[1] * Integer.BYTES;
    for (int end = rowBytes; end <= bytes.length; end += rowBytes) {
      fill(bytes, end - Integer.BYTES, end, 0xff);
    }
    return words;
  }

  static Stream<Case> scales() {
    String scale = DOWN + INVERSE;
    String rows = GATE + SCALE;
    String global = GATE + ".weight_global_scale";
    String second = W1 + ".weight_scale_2";
    String input = W1 + ".input_scale";
    return Stream.of(
        refused("NaN", BLOCK, value(scale, Float.NaN, 0, 1), scale, "[0, 1]"),
        refused("infinite", BLOCK, value(scale, Float.POSITIVE_INFINITY, 0, 0), scale),
        refused("negative", BLOCK, value(scale, -1, 0, 0), scale),
        pruned("zero", BLOCK, value(scale, 0, 0, 1)),
        refused("overflows", BLOCK, value(scale, 3e38f, 0, 0), DOWN, "finite"),
        refused("missing", BLOCK, without(scale), scale, MISSING),
        refused("a row too many", BLOCK, shaped(scale, 3, 2), scale, SHAPE),
        refused("a scalar for blocks", BLOCK, shaped(scale), scale, SHAPE),
        refused(
            "integers",
            BLOCK,
            changed(scale, t -> Tensor.zeros("I32", 4, t.shape())),
            scale,
            "I32"),
        refused("one short", ROWS, shaped(rows, 79, 1), rows, SHAPE),
        refused("E8M0 NaN", MXFP4, bits(rows, 255, 3, 2), rows),
        refused("E8M0 overflows", MXFP4, bits(rows, 254, 3, 2), GATE, "finite"),
        pruned("E8M0 smallest", MXFP4, bits(rows, 0, 3, 2)),
        refused("E4M3 NaN", NVFP4, bits(rows, 0x7f, 1, 1), rows),
        refused("E4M3 negative", NVFP4, bits(rows, 0xb8, 1, 1), rows),
        refused("divisor zero", NVFP4, value(global, 0), global),
        refused("divisor missing", NVFP4, without(global), global, MISSING),
        refused("factor missing", MODELOPT, without(second), second, MISSING),
        pruned("of activations, NaN", MODELOPT, value(input, Float.NaN)),
        pruned("of activations, missing", MODELOPT, without(input)));
  }

  static Stream<Case> codesAndCompanions() {
    String zeros = GATE + ".weight_zero_point";
    String shape = GATE + ".weight_shape";
    String experts = DOWN_EXPERTS + "_scales";
    String blocks = DOWN_EXPERTS + "_blocks";
    String gates = GATE_EXPERTS + "_scales";
    return Stream.of(
        refused("NaN", BLOCK, bits(Q + CODES, 0x7f, 5, 7), Q, "row 5", "column 7"),
        refused("-NaN", BLOCK, bits(Q + CODES, 0xff, 7, 9), Q, "row 7", "column 9"),
        pruned("-0", BLOCK, model -> fill(model.tensors().get(Q + CODES).bytes(), 0, 8, 0x80)),
        pruned("padding", INT3, changed(DOWN + PACKED, HostileQuantizedTest::padded)),
        refused("shape lies", INT4, bits(shape, 999, 1), GATE + PACKED, SHAPE),
        refused("shape missing", INT4, without(shape), shape, MISSING),
        refused(
            "one scale for the zero points of all rows",
            INT4,
            shaped(GATE + SCALE, 1, 1),
            GATE + SCALE,
            SHAPE),
        refused("zero point missing", INT4_ZERO, without(zeros), zeros, MISSING),
        refused("group too large", INT4_ORDER, bits(GATE + ORDER, 99, 4), GATE + ORDER),
        pruned(
            "groups unused",
            INT4_ORDER,
            model -> Arrays.fill(model.tensors().get(GATE + ORDER).bytes(), (byte) -1)),
        refused("scales of other experts", GPT_OSS, shaped(experts, 5, 64, 1), experts, SHAPE),
        refused("blocks of eight", GPT_OSS, shaped(blocks, 6, 64, 1, 8), blocks, SHAPE),
        refused("blocks without scales", GPT_OSS, without(gates), gates, MISSING),
        refused(
            "stored twice",
            INT4,
            model -> model.tensors().put(GATE + CODES, Tensor.zeros("F32", 4, 80, 32)),
            GATE,
            "both"),
        refused(
            "float with scale",
            BLOCK,
            changed(DOWN + CODES, t -> Tensor.zeros("F32", 4, t.shape())),
            DOWN + CODES,
            "F32"));
  }

  static Stream<Case> configs() {
    String key = "quantization_config";
    String size = "weight_block_size";
    String method = "quant_method";
    return Stream.of(
        refused(
            "block size lies",
            BLOCK,
            setting(q -> q.putArray(size).add(64).add(128)),
            "weight_scale_inv",
            SHAPE),
        refused("no block size", BLOCK, setting(q -> q.putNull(size)), "weight_scale_inv", SHAPE),
        refused("listed but quantized", BLOCK, listed(DOWN), DOWN, "config.json"),
        pruned("beginning listed", BLOCK, listed("model.layers.1.mlp.gate")),
        pruned("layer 10 listed", BLOCK, listed("model.layers.10")),
        refused(
            "unknown",
            BLOCK,
            setting(q -> q.put(method, "bitsandbytes")),
            "bitsandbytes",
            "experts"),
        refused("absent", BLOCK, model -> model.config().remove(key), key),
        pruned("upper case", BLOCK, setting(q -> q.put(method, "FP8"))),
        refused(
            "targets nothing",
            INT4_EXPERTS,
            setting(
                q -> ((ObjectNode) q.at("/config_groups/group_0")).putArray("targets").add("re:x")),
            "config group"),
        pruned("mixed formats", "ct-mixed-mixtral", model -> {}),
        pruned(
            "old key",
            INT4,
            model -> model.config().set("compression_config", model.config().remove(key))),
        pruned("further tokens", "fp8-block-deepseek_v3", HostileQuantizedTest::addBlock));
  }

  @ParameterizedTest
  @MethodSource({"scales", "codesAndCompanions", "configs"})
  void modelsAreRefusedOrPruned(Case of) throws IOException {
    Path fixture = TestData.fixture(of.fixture());
    EditedModel edited = EditedModel.of(fixture.resolve("model"));
    of.edit().accept(edited);
    Path model = edited.write(directory.resolve("model"));
    Path statistics = fixture.resolve("dense.statistics.safetensors");
    for (List<?> method :
        List.of(List.of("--statistics", statistics), List.of("--method", "magnitude"))) {
      Path output = directory.resolve("pruned" + method.getFirst());
      var ended =
          InProcess.line(
              "prune --quiet --backend cpu --threads 2 --model %s --output %s",
              model, output, method);
      if (of.refusal().isEmpty()) {
        ended.succeeds();
        InProcess.line("verify --dense %s --pruned %s", model, output).succeeds();
      } else {
        ended.isRefused(3, of.refusal().toArray(String[]::new));
        assertThat(output.resolve("config.json")).doesNotExist();
      }
    }
  }
}
