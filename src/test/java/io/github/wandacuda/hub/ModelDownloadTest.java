package io.github.wandacuda.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.library.ModelDownload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The library's downloads from a hub on the loopback interface. */
class ModelDownloadTest extends Downloads {
  private ModelDownload model() {
    return ModelDownload.of("org/name").environment(environment);
  }

  @Test
  void aModelComesIntoTheCacheOnceAndItsListenerHearsAllBytes() throws IOException {
    AtomicLong heard = new AtomicLong();
    ModelDownload.Result first =
        model().listener((what, done, total, share) -> heard.set(done)).fetch();
    assertThat(first.revision()).isEqualTo(COMMIT);
    assertThat(first.path()).isEqualTo(folder().resolve("snapshots").resolve(COMMIT));
    assertThat(first.files()).isEqualTo(children(first.path()).size());
    long bytes = 0;
    for (Path file : children(first.path())) {
      assertThat(file).hasBinaryContent(files.get(first.path().relativize(file).toString()));
      bytes += Files.size(file);
    }
    assertThat(first.bytes()).isEqualTo(bytes);
    assertThat(heard).hasPositiveValue();
    assertThat(children(first.path()).stream().map(file -> file.getFileName().toString()))
        .contains("model-00001-of-00002.safetensors", SHARD, "config.json", "LICENSE");
    int asked = hub.requests("store/").size();
    assertThat(asked).isPositive();
    assertThat(model().fetch()).isEqualTo(first);
    assertThat(hub.requests("store/")).hasSize(asked);
  }

  @Test
  void chosenFilesOfARevisionComeIntoAFolder() throws IOException {
    hub.commit(NEXT, Map.of("config.json", new byte[] {'{', '}'}), "other");
    Path output = folder().resolve("mine");
    ModelDownload.Result found =
        model().revision("other").files(List.of("*.json"), List.of()).into(output).fetch();
    assertThat(found).isEqualTo(new ModelDownload.Result(output, NEXT, 1, 2));
    assertThat(output.resolve("config.json")).hasContent("{}");
  }

  @Test
  void whatFailsIsAnIoExceptionThatTellsNoToken() {
    assertThatThrownBy(() -> ModelDownload.of("org/other").environment(environment).fetch())
        .isExactlyInstanceOf(IOException.class)
        .hasMessageContaining("org/other")
        .message()
        .doesNotContain(TOKEN);
    environment.put("HF_TOKEN", "two words");
    assertThatThrownBy(() -> model().fetch())
        .isExactlyInstanceOf(IOException.class)
        .hasMessageContaining("HF_TOKEN")
        .message()
        .doesNotContain("two words");
  }

  @Test
  void anInterruptedCallIsCancelledAndTheNextCompletesIt() throws IOException {
    ModelDownload interrupting =
        model().listener((what, done, total, share) -> Thread.currentThread().interrupt());
    Thread.currentThread().interrupt();
    assertThatThrownBy(interrupting::fetch).isInstanceOf(CancellationException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(model().fetch().revision()).isEqualTo(COMMIT);
  }
}
