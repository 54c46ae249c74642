package io.github.wandacuda.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WrongFileTest {
  @TempDir Path directory;

  private ErrorDetails failure(String content) throws IOException {
    Path file = Files.writeString(directory.resolve("model.safetensors"), content);
    ErrorDetails details = ErrorDetails.file(file).part("header").expected("a length", "23369277");
    return new InputException(details).details();
  }

  @Test
  void whatADownloadLeftIsToldInsteadOfWhatIsWrongWithIt() throws IOException {
    String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n";
    assertThat(failure(pointer).line())
        .endsWith(
            "model.safetensors: expected the file itself, found a Git LFS pointer to it; the file"
                + " itself was not downloaded: run 'git lfs pull' in its folder");
    assertThat(failure(pointer).found()).isEqualTo("a Git LFS pointer to it");
    assertThat(failure("\n<!DOCTYPE HTML><p>").found()).isEqualTo("a web page (HTML)");
    assertThat(failure("<html lang=en>").hint()).contains("download");
  }

  @Test
  void whateverElseIsLeftAsItIs() throws IOException {
    assertThat(failure("{}").found()).isEqualTo("23369277");
    assertThat(failure("").found()).isEqualTo("23369277");
    ErrorDetails folder = ErrorDetails.file(directory).expected("a", "b");
    assertThat(new InputException(folder).details()).isEqualTo(folder);
    ErrorDetails nothing = ErrorDetails.file(directory.resolve("none")).expected("a", "b");
    assertThat(new InputException(nothing).details()).isEqualTo(nothing);
  }
}
