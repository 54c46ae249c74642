package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that write zeros into a GGUF file, and are stopped. */
@Timeout(300)
class GgufTargetTest {
  private static final Path MODEL = Path.of("testdata/gguf/tiny-llama-Q4_0.gguf");
  private static final Path TOKENS = Path.of("testdata/gguf/tokens/tiny-llama.json");
  private static final int MODULES = 42;

  @TempDir Path directory;

  private GgufPlace whole;
  private GgufPlace place;

  @BeforeEach
  void name() {
    whole = new GgufPlace(directory.resolve("whole.gguf"));
    place = new GgufPlace(directory.resolve("out.gguf"));
  }

  private static PruneRequest request(boolean calibrated, String amount, GgufPlace to) {
    Calibration samples = Pruning.samples(TestData.tokens(TOKENS).stream().limit(3).toList());
    return Pruning.request(
        to.file(),
        Pruning.rules(calibrated ? "wanda" : "magnitude", amount),
        calibrated ? samples : new Calibration.None(),
        true);
  }

  private RunResult prune(PruneRequest request, Progress progress) {
    return Pruning.prune(MODEL, request, 2, progress, MaskSink.NONE);
  }

  private void stopAfter(PruneRequest request, int step) {
    Pruning.stopped(step, stop -> prune(request, stop)).hasMessageContaining("`resume`");
    assertThat(place.file()).doesNotExist();
    assertThat(place.record()).doesNotExist();
    assertThat(place.partial()).exists();
    assertThat(place.journal()).exists();
  }

  private void assertWhole() throws IOException {
    assertThat(place.file()).hasSameBinaryContentAs(whole.file());
    assertThat(Files.readString(place.record())).isEqualTo(Files.readString(whole.record()));
    try (var files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "whole.gguf", "whole.gguf.wanda-cuda.json", "out.gguf", "out.gguf.wanda-cuda.json");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsStoppedGoesOnToTheSameBytes(boolean calibrated) throws IOException {
    prune(request(calibrated, "0.5", whole), Progress.NONE);
    PruneRequest request = request(calibrated, "0.5", place);
    stopAfter(request, 2);
    stopAfter(request, 3);
    prune(request, Progress.NONE);
    assertWhole();
    // Nothing is left to do.
    assertThat(prune(request, Progress.NONE).modules()).isEmpty();
    assertWhole();
  }

  @Test
  void onlyWhatIsMissingOrDamagedIsPrunedAgain() throws IOException {
    PruneRequest request = request(false, "0.5", place);
    prune(request(false, "0.5", whole), Progress.NONE);
    stopAfter(request, MODULES - 4);
    int recorded = Files.readAllLines(place.journal()).size() - 1;
    Damage.flip(place.partial(), Files.size(place.partial()) / 2, 1);
    List<Long> totals = new ArrayList<>();
    prune(
        request,
        (what, done, total, share) -> {
          if (!what.startsWith("verified")) {
            totals.add(total);
          }
        });
    assertThat(totals).isNotEmpty().allMatch(total -> total == MODULES - recorded + 1);
    assertWhole();
  }

  /** A line that a crash has cut off, and a file that it has left shorter. */
  @Test
  void aCrashOfTheMachineIsGoneOnFrom() throws IOException {
    PruneRequest request = request(false, "2:4", place);
    prune(request(false, "2:4", whole), Progress.NONE);
    stopAfter(request, 20);
    byte[] journal = Files.readAllBytes(place.journal());
    Files.write(place.journal(), Arrays.copyOf(journal, journal.length - 5));
    byte[] part = Files.readAllBytes(place.partial());
    Files.write(place.partial(), Arrays.copyOf(part, part.length / 3));
    prune(request, Progress.NONE);
    assertWhole();
  }

  @Test
  void anotherRunIsntGoneOnWith() {
    stopAfter(request(false, "0.5", place), 2);
    assertThatThrownBy(() -> prune(request(false, "0.25", place), Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("holds the output of another run");
    assertThatThrownBy(
            () ->
                prune(
                    request(false, "0.5", place).toBuilder().resume(false).build(), Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("`resume` goes on with it");
    try (Journal held = Journal.openBeside(place.file())) {
      assertThatThrownBy(() -> prune(request(false, "0.5", place), Progress.NONE))
          .hasMessageContaining("another run is writing it");
      assertThat(held.file()).exists();
    }
  }

  /** What stands under the names that a run writes to isn't written through. */
  @Test
  void linksAreReplaced() throws IOException {
    Path other = Files.writeString(directory.resolve("other"), "stays");
    Files.createSymbolicLink(place.partial(), other);
    prune(request(false, "0.5", place), Progress.NONE);
    assertThat(other).hasContent("stays");
    assertThat(Files.isSymbolicLink(place.file())).isFalse();
    Files.createSymbolicLink(whole.journal(), other);
    assertThatThrownBy(() -> prune(request(false, "0.5", whole), Progress.NONE))
        .hasMessageContaining("a link");
    assertThat(other).hasContent("stays");
  }
}
