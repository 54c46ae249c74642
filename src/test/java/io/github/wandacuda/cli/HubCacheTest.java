package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Suggestion;
import io.github.wandacuda.hub.HubCache;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubCacheTest {
  @TempDir Path home;
  private Path model;
  private HubCache cache;

  @BeforeEach
  void write() throws IOException {
    model = home.resolve("hub/models--org--tiny.v1");
    snapshot("aaaa");
    snapshot("bbbb");
    Files.createDirectories(model.resolve("refs"));
    Files.writeString(model.resolve("refs/main"), "bbbb\n");
    cache = HubCache.of(Map.of("HF_HOME", home.toString()));
  }

  private void snapshot(String commit) throws IOException {
    Path snapshot = Files.createDirectories(model.resolve("snapshots").resolve(commit));
    Files.copy(TestData.TINY_LLAMA.resolve("config.json"), snapshot.resolve("config.json"));
  }

  private void assertMain(String given) {
    assertThat(cache.directory(given)).as(given).isEqualTo(model.resolve("snapshots/bbbb"));
  }

  @Test
  void theIdAndTheAddressAndTheFolderLeadToWhatMainNames() {
    assertMain("org/tiny.v1");
    assertMain("https://huggingface.co/org/tiny.v1");
    assertMain("https://huggingface.co/org/tiny.v1/");
    assertMain("https://huggingface.co/org/tiny.v1/tree/main");
    assertMain("https://hf.co/org/tiny.v1");
    assertMain(model.toString());
  }

  @Test
  void aDirectoryThatIsThereIsTaken() {
    String snapshot = model.resolve("snapshots/aaaa").toString();
    assertThat(cache.directory(snapshot)).isEqualTo(Path.of(snapshot));
    assertThat(cache.directory("testdata/models")).isEqualTo(Path.of("testdata/models"));
  }

  @Test
  void theCachesPlaceIsThatOfHuggingFacesTools() {
    assertThat(HubCache.of(Map.of("HF_HUB_CACHE", "/c", "HF_HOME", "/h")).root())
        .isEqualTo(Path.of("/c"));
    assertThat(HubCache.of(Map.of("HF_HOME", "/h")).root()).isEqualTo(Path.of("/h/hub"));
    assertThat(HubCache.of(Map.of("XDG_CACHE_HOME", "/x")).root())
        .isEqualTo(Path.of("/x/huggingface/hub"));
    assertThat(HubCache.of(Map.of()).root())
        .isEqualTo(Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub"));
  }

  @Test
  void withoutASnapshotThatIsMeantThoseThatAreThereAreNamed() throws IOException {
    Files.writeString(model.resolve("refs/main"), "../../../secret");
    assertThatThrownBy(() -> cache.directory("org/tiny.v1"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("snapshots/aaaa")
        .hasMessageContaining("snapshots/bbbb");
    assertThatThrownBy(() -> cache.directory(home.toString()))
        .hasMessageContaining("found a cache of several")
        .hasMessageContaining("snapshots/aaaa");
    assertThatThrownBy(() -> cache.directory("org/other"))
        .hasMessageContaining("wanda-cuda download org/other");
  }

  @Test
  void onlyWhatIsMeantIsGuessed() {
    List<String> commands = List.of("prune", "calibrate", "perplexity", "inspect");
    assertThat(Suggestion.nearest("prnue", commands)).containsExactly("prune");
    assertThat(Suggestion.nearest("insepct", commands)).containsExactly("inspect");
    assertThat(Suggestion.nearest("perp", commands)).containsExactly("perplexity");
    assertThat(Suggestion.nearest("evaluate", commands)).isEmpty();
  }
}
