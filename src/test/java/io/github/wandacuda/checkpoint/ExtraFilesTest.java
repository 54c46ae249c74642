package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExtraFilesTest {
  private static final int NOTES = 10_500;
  private static final int SCRIPTS = 500;

  @TempDir Path copy;

  /** A folder lists its files in any order, so some of the scripts come after the notes. */
  @Test
  @Thorough
  void whatALoaderReadsIsFoundAmongAnyNumberOfNotes() throws IOException {
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
