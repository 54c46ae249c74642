package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.evaluate.Evaluation.LogLikelihoods;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LogLikelihoodsTest {
  @TempDir Path directory;

  /** Scores requests on the CPU. */
  private static double[] scores(
      Path model, List<TokenRequest> requests, long chunkTokens, Progress progress) {
    try (CpuDecoder cpu = CpuDecoder.open(model, 2)) {
      List<String> places = Collections.nCopies(requests.size(), "a place");
      return new LogLikelihoods(cpu.decoder(), chunkTokens).of(requests, places, progress);
    }
  }

  private static TokenRequest request(int[] tokens, int length, int targets) {
    return new TokenRequest(
        Arrays.copyOf(tokens, length - 1), Arrays.copyOfRange(tokens, length - targets, length));
  }

  /** All but the one whose rotary embedding is that of a whole window. */
  static Stream<String> families() {
    return TestData.families().stream().filter(family -> !family.equals("llama-dynamic"));
  }

  /** The logits are those of Hugging Face transformers. */
  @ParameterizedTest
  @MethodSource("families")
  @FirstCases(6)
  void areThoseOfTransformers(String family) {
    Path fixture = TestData.fixture(family);
    List<int[]> windows = TestData.tokens(fixture.resolve("tokens.json"));
    float[] logits = TestData.floats(fixture.resolve("logits.safetensors"), "logits");
    int width = logits.length / windows.size() / windows.getFirst().length;
    List<TokenRequest> requests = new ArrayList<>();
    List<Double> expected = new ArrayList<>();
    for (int window = 0; window < windows.size(); window++) {
      int[] tokens = windows.get(window);
      for (int targets : new int[] {1, 2, 7}) {
        int length = tokens.length - window - targets;
        requests.add(request(tokens, length, targets));
        double sum = 0;
        for (int at = length - targets; at < length; at++) {
          int row = (window * tokens.length + at - 1) * width;
          sum += logProbability(Arrays.copyOfRange(logits, row, row + width), tokens[at]);
        }
        expected.add(sum);
      }
    }
    double[] scores = scores(fixture.resolve("model"), requests, 100, Progress.NONE);
    for (int at = 0; at < scores.length; at++) {
      assertThat(scores[at]).isCloseTo(expected.get(at), within(1e-4));
    }
  }

  private static double logProbability(float[] logits, int token) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return logits[token] - Math.log(sum);
  }

  private static List<TokenRequest> randomRequests(int count) {
    Random random = new Random(1);
    List<TokenRequest> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int[] tokens = random.ints(2 + random.nextInt(90), 3, 2048).toArray();
      requests.add(request(tokens, tokens.length, 1 + random.nextInt(tokens.length - 1)));
    }
    return requests;
  }

  /** Bit for bit: one by one, all together, in any order and in chunks of any size. */
  @Test
  @Thorough
  void dontDependOnWhatElseIsScored() {
    List<TokenRequest> requests = randomRequests(60);
    double[] together = scores(TestData.TINY_LLAMA, requests, 1 << 20, Progress.NONE);
    for (int at = 0; at < 12; at++) {
      assertThat(scores(TestData.TINY_LLAMA, requests.subList(at, at + 1), 1, Progress.NONE))
          .containsExactly(together[at]);
    }
    assertThat(scores(TestData.TINY_LLAMA, requests, 333, Progress.NONE)).containsExactly(together);
    double[] backwards = scores(TestData.TINY_LLAMA, requests.reversed(), 1 << 20, Progress.NONE);
    for (int at = 0; at < together.length; at++) {
      assertThat(backwards[together.length - 1 - at]).isEqualTo(together[at]);
    }
  }

  /** Requests that differ in their last token alone read the same, and run but once. */
  @Test
  void equalInputsRunOnce() {
    int[] input = {1, 5, 9, 300};
    List<TokenRequest> requests =
        List.of(
            new TokenRequest(input, new int[] {7}),
            new TokenRequest(input.clone(), new int[] {8}),
            new TokenRequest(input.clone(), new int[] {300, 8}),
            new TokenRequest(new int[] {1, 5, 9}, new int[] {300}));
    List<String> steps = new ArrayList<>();
    double[] scores =
        scores(
            TestData.TINY_LLAMA,
            requests,
            1,
            (what, done, total, share) -> steps.add("%s %d of %d".formatted(what, done, total)));
    assertThat(scores[2]).isCloseTo(scores[1] + scores[3], within(1e-9));
    assertThat(scores[0]).isNotEqualTo(scores[1]);
    // Six blocks for each of two inputs, in chunks of one.
    assertThat(steps).hasSize(12).endsWith("input 2 of 2");
    assertThat(steps.getFirst()).isEqualTo("input 0 of 2");
    assertThat(steps.subList(0, 11)).noneMatch(step -> step.startsWith("input 2"));
  }

  @Test
  void namesTheFirstNumberThatIsNotFinite() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    // Somewhere in the middle of a shard: two bytes of BF16 that are NaN.
    Path shard = model.resolve("model-00002-of-00003.safetensors");
    Damage.put(shard, Files.size(shard) / 2 & ~1L, (byte) 0xc0, (byte) 0x7f);
    assertThatThrownBy(() -> scores(model, randomRequests(3), 1 << 20, Progress.NONE))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected finite activations, found NaN at row")
        .hasMessageContaining("of a place");
  }
}
