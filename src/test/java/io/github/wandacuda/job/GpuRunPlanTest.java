package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a run would take, by hand for a 7B, and as the site's page says. */
class GpuRunPlanTest {
  private static final Path PAGE = Path.of("src/site/markdown/gpus.md");

  private static DecoderDescription describe(String json) throws IOException {
    ModelConfig config = new ModelConfig(Path.of("config.json"), new ObjectMapper().readTree(json));
    return DecoderFamilies.of(config).describe(config);
  }

  /** The sizes of LLaMA-2 7B. */
  private static DecoderDescription sevenBillion() throws IOException {
    return describe(
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
         "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
         "num_key_value_heads": 32, "vocab_size": 32000, "rms_norm_eps": 1e-5,
         "max_position_embeddings": 4096, "tie_word_embeddings": false, "hidden_act": "silu"}
        """);
  }

  private static GpuRunPlan plan(String gpu) throws IOException {
    return plan(GpuRunPlan.Gpu.named(gpu).orElseThrow(), Precision.HIGH);
  }

  private static GpuRunPlan plan(GpuRunPlan.Gpu gpu, Precision precision) throws IOException {
    return GpuRunPlan.of(sevenBillion(), 2, 128, 2048, gpu, precision, false, false, false);
  }

  private static GpuRunPlan fast(String gpu) throws IOException {
    return plan(GpuRunPlan.Gpu.named(gpu).orElseThrow(), Precision.FAST);
  }

  private static GpuRunPlan.Line line(GpuRunPlan plan, String what) {
    return plan.lines().stream().filter(line -> line.what().equals(what)).findFirst().orElseThrow();
  }

  static List<String> quantized() {
    return TestData.quantized();
  }

  /** Routers that no list names are taken for quantized; codes of 3 bits are padded in files. */
  @ParameterizedTest
  @MethodSource("quantized")
  void weightsAreCountedByTheirCodes(String name) {
    try (ModelDirectory model = ModelDirectory.open(TestData.fixture(name).resolve("model"))) {
      double bytes = model.modules().stream().mapToDouble(each -> each.tensor().bytes()).sum();
      double weights = model.modules().stream().mapToDouble(LinearModule::elements).sum();
      DecoderDescription decoder = DecoderFamilies.of(model.config()).describe(model.config());
      assertThat(model.config().bytesPerWeight(decoder))
          .isCloseTo(bytes / weights, withinPercentage(name.startsWith("ct-int3") ? 10 : 5));
    }
  }

  @ParameterizedTest
  @CsvSource({"h100, 60", "RTX4090, 150"})
  void aSevenBillionModelStaysBelowItsGoal(String gpu, double most) throws IOException {
    GpuRunPlan plan = plan(gpu);
    assertThat(plan.seconds()).isLessThan(most);
    assertThat(plan.seconds())
        .isCloseTo(plan.lines().stream().mapToDouble(GpuRunPlan.Line::seconds).sum(), within(1e-9));
  }

  @Test
  void amountsAreThoseOfPencilAndPaper() throws IOException {
    GpuRunPlan plan = plan("h100");
    double block = 4.0 * 4096 * 4096 + 3.0 * 4096 * 11008;
    double tokens = 128 * 2048;
    double last = 4096.0 * 11008;
    assertThat(line(plan, "weights up").amount()).isEqualTo(32 * 2 * block);
    assertThat(line(plan, "linear layers").amount())
        .isEqualTo(4 * tokens * (63 * block - 32 * last));
    assertThat(line(plan, "attention").amount()).isEqualTo(4 * tokens * 2049 / 2 * 4096 * 63);
    double halves = 2 * (6 * 4096 + 11008);
    double norms = 2 * 2 * 4096;
    double turned = 2 * 2 * 4096;
    double sums = 2 * 3 * 4096;
    double states = 2 * 2 * 4096;
    double gate = 3 * 11008;
    double squares = 3 * 4096 + 11008;
    assertThat(line(plan, "norms, rotations, gates, sums, squares and halves").amount())
        .isEqualTo(
            4 * tokens * (63 * (halves + norms + turned + sums + states + gate) + 32 * squares));
    assertThat(line(plan, "BF16 weights to F16").amount()).isEqualTo(4 * 63 * block * 128);
  }

  /** Half of the products, and half of what is written for them; all else stays. */
  @Test
  void onePassSavesHalfOfTheProducts() throws IOException {
    GpuRunPlan high = plan("h100");
    GpuRunPlan fast = fast("h100");
    String rest = "norms, rotations, gates, sums, squares and halves";
    double inputs = 6 * 4096 + 11008;
    assertThat(line(fast, "linear layers").amount())
        .isEqualTo(line(high, "linear layers").amount() / 2);
    assertThat(line(high, rest).amount() - line(fast, rest).amount())
        .isEqualTo(4 * 128 * 2048 * 63 * inputs / 2);
    assertThat(line(fast, "attention")).isEqualTo(line(high, "attention"));
  }

  /** They come up twice a block and go down once, but add only what kernels don't cover. */
  @Test
  void statesThatDoNotFitCrossTheBusWhileKernelsRun() throws IOException {
    double states = 128.0 * 2048 * 4096 * 4;
    GpuRunPlan.Gpu small = GpuRunPlan.Gpu.of("small", 8, 25, 806, 107, 37);
    GpuRunPlan.Line hidden = line(plan(small, Precision.HIGH), "hidden states over the bus");
    assertThat(hidden.amount()).isEqualTo(3 * 32 * states);
    assertThat(hidden.seconds()).isZero();
    GpuRunPlan.Gpu slowBus = GpuRunPlan.Gpu.of("slow", 8, 0.5, 806, 107, 37);
    GpuRunPlan plan = plan(slowBus, Precision.HIGH);
    double kernels =
        line(plan, "linear layers").seconds()
            + line(plan, "attention").seconds()
            + line(plan, "norms, rotations, gates, sums, squares and halves").seconds()
            + line(plan, "BF16 weights to F16").seconds();
    assertThat(line(plan, "hidden states over the bus").seconds())
        .isCloseTo(3 * 32 * states / 0.5e9 - kernels, within(1e-6));
    assertThat(line(plan("h100"), "hidden states over the bus").amount()).isZero();
  }

  /** All experts come up, but a token passes two of eight. */
  @Test
  void aTokenPassesSomeOfTheExperts() throws IOException {
    DecoderDescription mixtral =
        describe(
            """
            {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 64,
             "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 100, "rms_norm_eps": 1e-5,
             "max_position_embeddings": 64, "num_local_experts": 8, "num_experts_per_tok": 2,
             "tie_word_embeddings": false, "hidden_act": "silu"}
            """);
    RunTraffic.TokenWork work = RunTraffic.TokenWork.of(mixtral.block().apply(0), 64, 2);
    double attention = 2 * 64 * 64 + 2 * 32 * 64;
    double expert = 3 * 64 * 128;
    assertThat(work.weights()).isEqualTo(attention + 8 * 64 + 8 * expert);
    assertThat(work.products()).isEqualTo(attention + 8 * 64 + 2 * expert);
    assertThat(work.cubes()).isEqualTo(2 * 64 * 64 * 64 + 8 * (64.0 * 64 * 64 + 128 * 128 * 128));
  }

  private static GpuRunPlan fitted(String gpu, boolean swaps, boolean reconstruct)
      throws IOException {
    return GpuRunPlan.of(
        sevenBillion(),
        2,
        128,
        2048,
        GpuRunPlan.Gpu.named(gpu).orElseThrow(),
        Precision.HIGH,
        swaps,
        reconstruct,
        false);
  }

  private static GpuRunPlan alps(String gpu) throws IOException {
    return GpuRunPlan.of(
        sevenBillion(),
        2,
        128,
        2048,
        GpuRunPlan.Gpu.named(gpu).orElseThrow(),
        Precision.HIGH,
        false,
        false,
        true);
  }

  @Test
  void alpsIsCounted() throws IOException {
    GpuRunPlan plan = alps("h100");
    double products = 32 * ((4.0 * 4096 + 2 * 11008) * 4096 * 4096 + 4096.0 * 11008 * 11008);
    double cubes = 32 * (3 * Math.pow(4096, 3) + Math.pow(11008, 3));
    assertThat(line(plan, "products with second moments").amount()).isEqualTo(2 * 20 * products);
    assertThat(line(plan, "triangles of inverses, on the host").amount())
        .isEqualTo(2 * 4 * cubes / 3);
    assertThat(line(plan, "inverses").amount()).isEqualTo(4 * cubes);
    assertThat(line(plan, "steps of ALPS").amount())
        .isCloseTo(720.0 * 32 * (4.0 * 4096 * 4096 + 3.0 * 4096 * 11008), withinPercentage(1e-6));
    assertThat(line(plan, "steps of reconstruction").formula()).startsWith("4 x");
  }

  /** Less than six minutes on an H100. */
  @Test
  void swapsAndReconstructionAreCounted() throws IOException {
    GpuRunPlan plan = fitted("h100", true, true);
    double products = 32 * ((4.0 * 4096 + 2 * 11008) * 4096 * 4096 + 4096.0 * 11008 * 11008);
    double moments = 32.0 * (3.0 * 4096 * 4096 + 11008.0 * 11008);
    assertThat(line(plan, "second moments").amount()).isEqualTo(128 * 2048 * moments);
    assertThat(line(plan, "products with second moments").amount()).isEqualTo(28 * products);
    assertThat(line(plan, "swaps").amount()).isCloseTo(12.48 * products, withinPercentage(1e-6));
    assertThat(line(plan, "arithmetic of swaps").amount()).isEqualTo(12 * products);
    assertThat(plan.seconds()).isLessThan(360);
    assertThat(line(fitted("h100", true, false), "products with second moments").amount())
        .isEqualTo(6 * products);
    assertThat(fitted("h100", false, true).lines().stream().map(GpuRunPlan.Line::what))
        .contains("steps of reconstruction")
        .doesNotContain("swaps");
  }

  /** The failure prints the rows that the page is to have. */
  @Test
  void thePageHasWhatIsComputed() throws IOException {
    thePageHas(plan("h100"), plan("rtx4090"));
    thePageHas(fitted("h100", true, true), fitted("rtx4090", true, true));
    thePageHas(alps("h100"), alps("rtx4090"));
    assertThat(Files.readString(PAGE))
        .contains(
            "With `--precision fast` linear layers take %.1f s and %.1f s, and all %.1f s and %.1f s."
                .formatted(
                    line(fast("h100"), "linear layers").seconds(),
                    line(fast("rtx4090"), "linear layers").seconds(),
                    fast("h100").seconds(),
                    fast("rtx4090").seconds()));
  }

  private static void thePageHas(GpuRunPlan large, GpuRunPlan small) throws IOException {
    List<String> rows = new ArrayList<>();
    rows.add("| what | amount | H100, s | RTX 4090, s |");
    rows.add("| --- | --- | --- | --- |");
    for (int i = 0; i < large.lines().size(); i++) {
      GpuRunPlan.Line line = large.lines().get(i);
      rows.add(
          "| %s | %s: %.3g | %.1f | %.1f |"
              .formatted(
                  line.what(),
                  line.formula(),
                  line.amount(),
                  line.seconds(),
                  small.lines().get(i).seconds()));
    }
    rows.add("| together | | %.1f | %.1f |".formatted(large.seconds(), small.seconds()));
    assertThat(Files.readString(PAGE)).contains(String.join("\n", rows) + "\n");
  }
}
