package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.github.wandacuda.cli.Main;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Reports in Chromium: nothing is logged, nothing is wider than the window, and tables sort. The
 * pictures are left in {@code target/pictures}.
 */
@Thorough
class ReportPagesIT {
  private static final Path PICTURES = Path.of("target/pictures");
  private static final RunFacts FACTS =
      new RunFacts(
          Path.of("models/</script><img src=x onerror=alert(1)>/" + "long".repeat(40)),
          "1.0",
          "cpu",
          "a \"processor\"",
          "float32",
          Instant.EPOCH,
          List.of("compare"),
          Map.of("seed", 0));

  /** Says what a script of ours can see of the page, in attributes of the document. */
  private static final String PROBE =
      """
      <script>
      const root = document.documentElement;
      root.dataset.overflow = root.scrollWidth - root.clientWidth;
      root.dataset.cut = Math.max(0, ...[...document.querySelectorAll(".scroll")]
          .map((part) => part.scrollWidth - part.clientWidth));
      // Words of names and of what stands before a value are in one line each.
      const lines = (text, word) => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return new Set([...range.getClientRects()].map((box) => box.top)).size;
      };
      root.dataset.split = [...document.querySelectorAll("th code, .origin th")]
          .flatMap((cell) => [...cell.childNodes])
          .filter((child) => child.nodeType === Node.TEXT_NODE)
          .flatMap((text) => [...text.textContent.matchAll(/\\S+/g)]
              .filter((word) => lines(text, word) > 1))
          .join(" ");
      const buttons = document.querySelectorAll("table.runs thead button");
      const column = () => [...document.querySelectorAll("table.runs tbody tr")]
          .map((row) => row.cells[2].textContent).join(" ");
      root.dataset.before = column();
      buttons[2]?.click();
      root.dataset.up = column();
      buttons[2]?.click();
      root.dataset.down = column();
      root.dataset.images = document.images.length;
      root.dataset.tables = document.querySelectorAll("table").length;
      </script>
      """;

  @TempDir Path directory;

  private Browser browser() {
    var installed = Browser.installed(directory.resolve("profile"));
    assumeTrue(installed.isPresent(), "no Chromium on the PATH");
    return installed.get();
  }

  @ParameterizedTest
  @CsvSource({"1280, 1900", "420, 3000"})
  void aComparisonFitsItsWindow(int width, int height) throws IOException, InterruptedException {
    Browser browser = browser();
    Files.createDirectories(browser.profile());
    Files.createDirectories(PICTURES);
    Path page = directory.resolve("compare.html");
    AtomicWrite.replace(page, ComparedRuns.report().content(page, FACTS));
    assertThat(browser.show(page, width).console()).isEmpty();
    browser.picture(page, width, height, PICTURES.resolve("compare-%d.png".formatted(width)));
    Browser.Shown probed = browser.show(probed(page), width);
    assertThat(probed.console()).isEmpty();
    assertThat(probed.html())
        .contains("data-overflow=\"0\"", "data-images=\"0\"", "data-tables=\"7\"")
        .contains("KL to the dense model by sparsity", ">KL to dense</button>")
        .contains("Accuracy on &lt;/script&gt;task by sparsity", "<td>50.00 %</td>")
        .contains("data-before=\"50.0000 70.0000 90.0000 1000.00 51.0000")
        .contains("data-up=\"50.0000 51.0000 52.0000 70.0000")
        .contains("data-down=\"1002.00 1001.00 1000.00 92.0000");
  }

  /** A kind of run, what goes before its options, and the words that its page begins with. */
  static Stream<Arguments> kinds() {
    String llama = "--model testdata/models/tiny-llama --calibration testdata/text/calibration.txt";
    String mixture =
        "--model testdata/golden/structured/tiny-moe/model"
            + " --calibration testdata/golden/structured/tiny-moe/calibration.json";
    String few = llama + " --samples 16 --sequence-length 64 ";
    return Stream.of(
        arguments("wanda", few + "--evaluate testdata/text/heldout.txt", "weights are zero"),
        arguments("alps 2:4", few + "--pattern 2:4 --update alps", "chosen by wanda+alps"),
        arguments("experts", mixture + " --structure experts --sparsity 0.25", "4 of 16 experts"),
        arguments("channels", few + "--structure channels --sparsity 0.25", "of 352 channels"),
        arguments("heads", few + "--structure heads --sparsity 0.5", "1 of 2 groups of heads"),
        arguments("blocks", few + "--structure blocks --sparsity 0.2", "1 of 6 blocks went"),
        arguments("auto", few + "--structure auto --sparsity 0.2", "of the parameters"),
        arguments(
            "fp8",
            "--model testdata/quantized/fp8-block-llama-wide/model --statistics"
                + " testdata/quantized/fp8-block-llama-wide/dense.statistics.safetensors",
            "chosen by wanda"));
  }

  /** Each says first what was done, what it cost and what to do next, and its card does too. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void everyKindFitsItsWindowAndSaysWhatItDid(String kind, String words, String done)
      throws IOException {
    Browser browser = browser();
    Files.createDirectories(browser.profile());
    Path page = directory.resolve("prune.html");
    Path output = directory.resolve("out");
    Command.main(
            List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"),
            Main.class,
            Words.of(
                "prune %s --output %s --report %s --backend cpu --quiet"
                    .formatted(words, output, page)))
        .run()
        .succeeds();
    String html = Files.readString(page);
    String cost =
        words.contains("--evaluate")
            ? "; perplexity rose from [0-9.]+ to [0-9.]+ \\(\\+[0-9.]+ %\\), .*before you use it\\."
            : "; what it cost was not measured, so compare it .* before you use it\\.";
    assertThat(html)
        .containsPattern("<p class=\"verdict\">[^;]*" + Pattern.quote(done) + "[^;]*" + cost);
    assertThat(Files.readString(output.resolve("README.md")))
        .containsPattern("\n\n[^;\n]*" + Pattern.quote(done) + "[^;\n]*" + cost);
    assertThat(html).doesNotContain("\\u000a", "Sparsity by block");
    for (int width : List.of(1280, 420)) {
      assertThat(browser.show(probed(page), width).html())
          .contains("data-overflow=\"0\"", "data-cut=\"0\"", "data-split=\"\"");
    }
  }

  /** The page's policy would forbid our script. */
  private Path probed(Path page) throws IOException {
    String html = Files.readString(page).replaceFirst("<meta http-equiv[^>]*>", "");
    return Files.writeString(
        directory.resolve("probed.html"), html.replace("</body>", PROBE + "</body>"));
  }

  @Test
  void thePolicyForbidsOtherScripts() throws IOException, InterruptedException {
    Browser browser = browser();
    Files.createDirectories(browser.profile());
    Path page = directory.resolve("page.html");
    Files.writeString(
        page,
        HtmlPage.of("title", "<table class=\"sorted\"></table>")
            .replace("</body>", "<script>document.title = \"another\"</script></body>"));
    Browser.Shown shown = browser.show(page, 800);
    assertThat(shown.html()).contains("<title>title</title>");
    assertThat(shown.console()).anyMatch(line -> line.contains("Content Security Policy"));
  }

  /**
   * A browser without a window.
   *
   * @param program Chromium
   */
  private record Browser(Path program, Path profile) {
    private static final int SECONDS = 60;

    static Optional<Browser> installed(Path profile) {
      return Arrays.stream(System.getenv("PATH").split(":"))
          .flatMap(folder -> Stream.of("chromium", "google-chrome").map(Path.of(folder)::resolve))
          .filter(Files::isExecutable)
          .findFirst()
          .map(program -> new Browser(program, profile));
    }

    /**
     * What came of showing a page.
     *
     * @param html the page after its scripts
     * @param console what was logged
     */
    record Shown(String html, List<String> console) {}

    Shown show(Path page, int width) {
      Ended ended = run(width, 1000, "--dump-dom", "--enable-logging=stderr", page.toUri());
      return new Shown(
          ended.out(),
          ended.errorLines().stream().filter(line -> line.contains("CONSOLE")).toList());
    }

    /** Takes a picture of a page. */
    void picture(Path page, int width, int height, Path png) {
      run(width, height, "--screenshot=" + png.toAbsolutePath(), page.toUri());
    }

    private Ended run(int width, int height, Object... more) {
      return Command.of(
              program,
              Words.of(
                  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
                      + "--disable-background-networking --disable-component-update --disable-sync "
                      + "--hide-scrollbars --force-device-scale-factor=1"),
              "--user-data-dir=" + profile,
              "--window-size=%d,%d".formatted(width, height),
              more)
          .within(SECONDS)
          .run();
    }
  }
}
