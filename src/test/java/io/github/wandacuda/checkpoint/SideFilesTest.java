package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.assertOutputError;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class SideFilesTest {
  private static final int NOTES = 10_500;
  private static final int SCRIPTS = 500;

  @TempDir Path folder;
  private Path model;
  private Path output;

  @BeforeEach
  void makeModel() throws IOException {
    model = Files.createDirectory(folder.resolve("model"));
    output = folder.resolve("output");
    weights("model.safetensors");
    put("config.json");
  }

  private void weights(String name) throws IOException {
    TestFiles.write(model.resolve(name), new byte[1], entry(name, "U8", "[1]", 0, 1));
  }

  private void put(String... names) throws IOException {
    for (String name : names) {
      Path file = model.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
  }

  private SideFiles find() {
    try (var checkpoint = Checkpoint.open(model)) {
      return SideFiles.of(checkpoint, output);
    }
  }

  private static List<String> names(List<Path> paths) {
    return paths.stream().map(Path::toString).toList();
  }

  @Test
  void realModelsSideFilesAreFound() {
    try (var checkpoint = Checkpoint.open(TestFiles.TINY_LLAMA)) {
      SideFiles side = SideFiles.of(checkpoint, output);
      assertThat(names(side.files()))
          .containsExactly(
              "generation_config.json", "special_tokens_map.json",
              "tokenizer.json", "tokenizer_config.json");
      assertThat(names(side.lastFiles()))
          .containsExactly("model.safetensors.index.json", "config.json");
      assertThat(side.leftOut()).isEmpty();
    }
  }

  @Test
  void everyOtherFileGoesAlongAtAnyDepth() throws IOException {
    String[] kept = {
      ".gitattributes", "README.md", "adapter_model.safetensors",
      "modeling/config.json", "modeling/code.py", "modeling/deep/er/model.safetensors",
      "modeling/wanda-cuda.json", "tokenizer.model", "training_args.bin",
      "vocab.txt"
    };
    put(kept);
    put("wanda-cuda.json");
    SideFiles side = find();
    assertThat(names(side.files())).containsExactlyInAnyOrder(kept);
    assertThat(side.files())
        .isSortedAccordingTo(Comparator.comparing(Path::toString, TensorNames.ORDER));
    assertThat(names(side.lastFiles())).containsExactly("config.json");
    assertThat(side.leftOut()).isEmpty();
  }

  @Test
  void weightsInOtherFormatsAreLeftOut() throws IOException {
    String[] others = {
      "Model.GGUF", "consolidated.00.pth", "consolidated.safetensors",
      "flax_model.msgpack", "model.ckpt", "model.ckpt-7.data-00000-of-00001",
      "model.ckpt.index", "onnx/model.onnx", "onnx/model.onnx_data",
      "optimizer.pt", "lines/consolidated.00.pth", "pytorch_model-00001-of-00002.bin",
      "pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model.fp16.bin",
      "rust_model.ot", "tf_model.h5", "tf_model.h5.index.json"
    };
    put(others);
    put("lines/params.json", ".git/config", ".cache/huggingface/x", "modeling/.cache/y");
    SideFiles side = find();
    assertThat(names(side.files())).containsExactly("lines/params.json");
    assertThat(names(side.leftOut()))
        .containsExactlyInAnyOrder(plus(others, ".git", ".cache", "modeling/.cache"));
  }

  private static String[] plus(String[] names, String... more) {
    return Stream.of(names, more).flatMap(Arrays::stream).toArray(String[]::new);
  }

  @Test
  void anIndexThatIsNotUsedIsLeftOutWithItsShards() throws IOException {
    weights("s1");
    put("s2", "s3");
    Path index = model.resolve("model.safetensors.index.json");
    Files.writeString(
        index, "{\"weight_map\":{\"s1\":\"s1\",\"s2\":\"s2\",\"x\":\"model.safetensors\"}}");
    SideFiles side = find();
    assertThat(names(side.files())).containsExactly("s3");
    assertThat(names(side.lastFiles())).containsExactly("config.json");
    assertThat(names(side.leftOut())).containsExactly("model.safetensors.index.json", "s1", "s2");
    Files.writeString(index, "damaged");
    assertThat(names(find().leftOut())).containsExactly("model.safetensors.index.json");
  }

  @Test
  void linkedFilesAreFollowedAndLinksToNothingLeftOut() throws IOException {
    put("inside/file");
    Files.writeString(model.resolve("inside/file"), "linked");
    Path cached = Files.createDirectories(folder.resolve("models--owner--name/blobs"));
    Files.writeString(cached.resolve("0123"), "linked");
    Files.createSymbolicLink(model.resolve("tokenizer.json"), cached.resolve("0123"));
    Files.createSymbolicLink(model.resolve("folder"), Path.of("inside"));
    Files.createSymbolicLink(model.resolve("nothing"), Path.of("gone"));
    SideFiles side = find();
    assertThat(names(side.files())).containsExactly("folder/file", "inside/file", "tokenizer.json");
    assertThat(names(side.leftOut())).containsExactly("nothing");
    side.copy(Path.of("tokenizer.json"), output);
    side.copy(Path.of("folder/file"), output);
    for (String name : List.of("tokenizer.json", "folder/file")) {
      assertThat(output.resolve(name)).hasContent("linked").isRegularFile();
      assertThat(Files.isSymbolicLink(output.resolve(name))).isFalse();
    }
  }

  @Test
  void linksThatLeaveTheDirectoryAreRefused() throws IOException {
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Files.writeString(elsewhere.resolve("file"), "secret");
    for (String target : List.of("../elsewhere/file", "../elsewhere")) {
      Path link = Files.createSymbolicLink(model.resolve("link"), Path.of(target));
      assertInputError(this::find, link + ": expected a file inside the model's directory");
      Files.delete(link);
    }
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void loopsOfLinksEnd() throws IOException {
    put("sub/x");
    Files.createSymbolicLink(model.resolve("self"), Path.of("."));
    Files.createSymbolicLink(model.resolve("sub/up"), Path.of(".."));
    Files.createSymbolicLink(model.resolve("loop"), Path.of("loop"));
    SideFiles side = find();
    assertThat(names(side.files())).containsExactly("sub/x");
    assertThat(names(side.leftOut())).containsExactly("loop", "self", "sub/up");
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  @Thorough
  void linksThatSpellEndlesslyManyPathsAreRefused() throws IOException {
    Path folder = Files.createDirectory(model.resolve("inside"));
    for (int i = 0; i < 40; i++) {
      Path step = Files.createDirectory(folder.resolve("step" + i));
      Files.createSymbolicLink(step.resolve("left"), folder.resolve("step" + (i + 1)));
      Files.createSymbolicLink(step.resolve("right"), folder.resolve("step" + (i + 1)));
    }
    Files.createDirectory(folder.resolve("step40"));
    Files.createSymbolicLink(model.resolve("step"), folder.resolve("step0"));
    assertInputError(this::find, model + ": expected a model directory with at most 100000 files");
  }

  @Test
  void anOutputInsideTheModelIsPassedOver() throws IOException {
    put("pruned/x", "pruned2/y");
    output = model.resolve("../model/pruned");
    assertThat(names(find().files())).containsExactly("pruned2/y");
  }

  @Test
  void whatIsNoFileIsLeftOut() throws IOException, InterruptedException {
    Path pipe = model.resolve("pipe");
    Command.of("mkfifo", pipe).run().succeeds();
    assertThat(names(find().leftOut())).containsExactly("pipe");
  }

  @Test
  void copiesReplaceWhatIsThere() throws IOException {
    put("a/b.txt");
    SideFiles side = find();
    Files.createDirectories(output.resolve("a"));
    Files.writeString(output.resolve("a/b.txt"), "longer than what comes");
    side.copy(Path.of("a/b.txt"), output);
    assertThat(output.resolve("a/b.txt")).hasContent("a/b.txt");
    assertThat(output.resolve("a")).isDirectoryNotContaining(path -> !path.endsWith("b.txt"));
  }

  @Test
  void copyingSaysWhichSideFailed() throws IOException {
    put("a/b.txt", "c");
    SideFiles side = find();
    Files.delete(model.resolve("c"));
    assertInputError(() -> side.copy(Path.of("c"), output), model.resolve("c") + ": expected");
    Files.writeString(output, "a file in the way");
    assertOutputError(
        () -> side.copy(Path.of("a/b.txt"), output), output + "/a: expected to make this folder");
  }

  /** A folder lists its files in any order, so some of the scripts come after the notes. */
  @Test
  @Thorough
  void whatALoaderReadsIsFoundAmongAnyNumberOfNotes() throws IOException {
    Path copy = Files.createDirectory(output);
    for (int note = 0; note < NOTES; note++) {
      Files.createFile(copy.resolve("note-" + note + ".md"));
    }
    for (int script = 0; script < SCRIPTS; script++) {
      Files.createFile(copy.resolve("script-" + script + ".py"));
    }
    try (Checkpoint source = Checkpoint.open(TestData.TINY_LLAMA)) {
      ExtraFiles extra = ExtraFiles.of(source, SideFiles.of(source, copy), copy);
      assertThat(extra.loaded()).hasSize(SCRIPTS).allMatch(file -> file.toString().endsWith(".py"));
      assertThat(extra.others()).isNotEmpty().allMatch(file -> file.toString().endsWith(".md"));
    }
  }
}
