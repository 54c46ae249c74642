package io.github.wandacuda.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadFilesTest {
  @TempDir Path directory;

  @Test
  void aFileThatIsReadAfterItsNameWasReservedIsNotReplaced() throws IOException {
    Path input = Files.writeString(directory.resolve("input"), "mine");
    Path target = directory.resolve("target");
    InputFile.during(
        () -> {
          try (ReservedFile reserved = ReservedFile.of(target)) {
            Files.createSymbolicLink(target, Path.of("input"));
            assertThat(InputFile.bytes(input)).hasSize(4);
            assertThatThrownBy(() -> reserved.write(out -> out.write('1')))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("is what the run reads");
            assertThatThrownBy(reserved::finish).isInstanceOf(UsageException.class);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
          assertThatThrownBy(() -> ReservedFile.of(target)).isInstanceOf(UsageException.class);
          return 0;
        });
    assertThat(target).isSymbolicLink();
    assertThat(input).hasContent("mine");
  }

  @Test
  void anotherRunMayReplaceIt() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "first");
    InputFile.during(() -> size(file));
    assertThat(InputFile.during(() -> InputFile.isRead(file) ? 1 : 0)).isZero();
    assertThat(size(file)).isEqualTo(5);
    assertThat(InputFile.isRead(file)).isFalse();
  }

  private static int size(Path file) {
    try {
      return (int) InputFile.size(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
