package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an output's {@code README.md} says, and where the source's goes. */
class ModelCardTest {
  private static final String SOURCE_CARD =
      """
      ---
      license: other
      license_name: llama2
      language:
      - en
      - de
      tags: [secret]
      datasets:
      - c4
      ---
      # Tiny
      license: none
      """;

  private static final String SAMPLES =
      " --calibration testdata/text/calibration.txt --samples 2 --sequence-length 32";

  @TempDir Path directory;
  private Path model;
  private Path output;

  @BeforeEach
  void copy() throws IOException {
    model = directory.resolve("models--org--tiny.v1/snapshots/aaaa");
    TestData.copy(TestData.TINY_LLAMA, model);
    Files.writeString(model.resolve("README.md"), SOURCE_CARD);
    output = directory.resolve("pruned");
  }

  private String prune(String more) throws IOException {
    InProcess.line("prune --model %s --output %s --backend cpu " + more, model, output).succeeds();
    return card();
  }

  private String card() throws IOException {
    return Files.readString(output.resolve("README.md"));
  }

  @Test
  void saysWhatWasDoneUnderTheSourcesLicence() throws IOException {
    assertThat(prune("--method magnitude"))
        .startsWith(
            """
            ---
            base_model: org/tiny.v1
            base_model_relation: finetune
            library_name: transformers
            pipeline_tag: text-generation
            license: other
            license_name: llama2
            language:
            - en
            - de
            tags:
            - pruned
            - wanda-cuda
            ---
            # tiny.v1, pruned

            554,525 of 1,105,920 weights are zero (50.14 %), chosen by magnitude; what it cost was not measured,            """)
        .contains(
            "[org/tiny.v1](https://huggingface.co/org/tiny.v1)",
            "\n| parameters | 1,631,872, as before |\n",
            "\n| method | magnitude |\n",
            "\n| sparsity | 0.5 |\n",
            "\nwanda-cuda verify --dense org/tiny.v1 --pruned FOLDER\n",
            "[README.source.md](README.source.md)")
        .doesNotContain("secret", "{", directory.toString());
    assertThat(output.resolve("README.source.md")).hasContent(SOURCE_CARD);
  }

  @Test
  void saysPerplexityWhereItWasMeasured() throws IOException {
    assertThat(prune("--method magnitude --evaluate testdata/text/heldout.txt --windows 1"))
        .containsPattern(
            "; perplexity rose from [0-9.]+ to [0-9.]+ \\(\\+[0-9.]+ %\\), [^;]+before you use it\\.")
        .containsPattern(
            "\\| perplexity on heldout.txt, 1 window of 512 tokens \\| [0-9.]+ before, [0-9.]+"
                + " after \\|");
  }

  @Test
  void saysWhichPartsWentAndThatOthersWereFitted() throws IOException {
    assertThat(
            prune(
                "--structure channels --sparsity 0.25 --update reconstruct --samples 2"
                    + " --sequence-length 32 --calibration testdata/text/calibration.txt"))
        .contains(
            "# tiny.v1, smaller",
            "\n64 of 352 channels a block went, and with them ",
            "\n| channels a block | 352 to 288 |\n",
            "\n| parameters | 1,631,872 → ",
            "\n| bytes | 3,269,816 → ",
            "byte for byte, but for the weights that were fitted, is checked by");
    verify().succeeds();
  }

  @Test
  void ofAutoSaysWhatWent() throws IOException {
    String card =
        prune(
            "--structure auto --sparsity 0.2 --samples 4 --sequence-length 32"
                + " --calibration testdata/text/calibration.txt");
    assertThat(card)
        .containsPattern(
            "\\n\\d+ of \\d+ [a-z0-9 ]+ went, and with them 1\\d\\.\\d % of the parameters")
        .contains("\n| parameters | 1,631,872 → ", "\n| bytes | 3,269,816 → ")
        .doesNotContain("unreached", "shard size");
  }

  @Test
  void hasTheFoldersNameWhereNothingElseIsKnown() throws IOException {
    model = directory.resolve("my-model");
    TestData.copy(TestData.TINY_LLAMA, model);
    assertThat(prune("--method magnitude"))
        .contains("\n# my-model, pruned\n", "made of `my-model`");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "language: [en",
        "license: mit\nlicense: \"\\q\"",
        "? [a, {b: c}]\n: - x\nlanguage: &a [*a]",
        "\tlicense"
      })
  void whatIsWrongInTheSourcesIsNoError(String front) throws IOException {
    Files.writeString(model.resolve("README.md"), "---\n" + front + "\n---\n");
    assertThat(prune("--method magnitude")).contains("\n# tiny.v1, pruned\n");
    verify().succeeds();
  }

  @Test
  void aSourceThatListsVeryMuchLosesNoRun() throws IOException {
    String languages =
        IntStream.range(0, 5000).mapToObj("- l%d\n"::formatted).collect(Collectors.joining());
    Files.writeString(
        model.resolve("README.md"), "---\nlicense: mit\nlanguage:\n" + languages + "---\n");
    assertThat(prune("--method magnitude")).contains("license: mit\n", "- l0\n", "- l4999\n");
    InProcess.line("prune --model %s --output %s --method magnitude --resume", model, output)
        .succeeds();
  }

  @Test
  void nestingIsBoundedByNothingButLength() throws IOException {
    Files.writeString(
        model.resolve("README.md"),
        "---\nlicense: mit\nlanguage: " + "[".repeat(100_000) + "\n---\n");
    assertThat(prune("--method magnitude")).contains("\n# tiny.v1, pruned\n");
  }

  @Test
  void aFolderOfItsNameIsToldBefore() throws IOException {
    Files.delete(model.resolve("README.md"));
    Files.createDirectory(model.resolve("README.md"));
    Files.writeString(model.resolve("README.md/notes.txt"), "notes");
    InProcess.line("prune --model %s --output %s --method magnitude --dry-run", model, output)
        .fails(2, "README.md: expected a file");
    InProcess.line("prune --model %s --output %s --method magnitude", model, output)
        .fails(2, "ask for no model card, or rename the folder");
    assertThat(output).doesNotExist();
    InProcess.line("prune --model %s --output %s --method magnitude --no-card", model, output)
        .succeeds();
  }

  @Test
  void isThereForWhoeverVerifies() throws IOException {
    prune("--method magnitude");
    verify().succeeds();
    Files.writeString(output.resolve("README.md"), "by hand");
    verify().succeeds();
    Files.writeString(output.resolve("README.source.md"), "another");
    verify().fails(5, "README.source.md: expected the source's bytes");
    Files.writeString(output.resolve("README.source.md"), SOURCE_CARD);
    Files.delete(output.resolve("README.md"));
    verify().fails(5, "README.md: expected a model card, found that it is missing");
  }

  private Ended verify() {
    return InProcess.line("verify --dense %s --pruned %s", model, output);
  }

  @Test
  void theSourcesStaysWhereNoneIsWanted() throws IOException {
    assertThat(prune("--method magnitude --no-card")).isEqualTo(SOURCE_CARD);
    assertThat(output.resolve("README.source.md")).doesNotExist();
    verify().succeeds();
  }

  @Test
  void aModelThatWasPrunedBeforeKeepsBothCards() throws IOException {
    String first = prune("--method magnitude");
    model = output;
    output = directory.resolve("again");
    prune("--method magnitude --sparsity 0.6");
    assertThat(output.resolve("README.source.md")).hasContent(SOURCE_CARD);
    assertThat(output.resolve("README.source.source.md")).hasContent(first);
    verify().succeeds();
  }

  /** No weight depends on it, so a finished output is the same run's, and stays as it is. */
  @ParameterizedTest
  @CsvSource({
    "--method magnitude, '', --no-card",
    "--method magnitude, --no-card, ''",
    "--structure blocks --score angular --sparsity 0.2, '', --no-card",
    "--structure blocks --score angular --sparsity 0.2, --no-card, ''"
  })
  void aFinishedRunIsTheSameWithAndWithoutIt(String run, String first, String then)
      throws IOException {
    String words = run + (run.contains("blocks") ? SAMPLES : "");
    String card = prune(words + " " + first);
    InProcess.line("prune --model %s --output %s --resume " + words + " " + then, model, output)
        .succeeds();
    assertThat(card()).isEqualTo(card);
    verify().succeeds();
  }
}
