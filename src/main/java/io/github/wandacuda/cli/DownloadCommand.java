package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.hub.Download;
import io.github.wandacuda.hub.DownloadRequest;
import io.github.wandacuda.hub.HubSettings;
import io.github.wandacuda.hub.KnownText;
import io.github.wandacuda.io.JsonText;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Fetches a model or a text from the Hugging Face Hub into the cache that its tools share, or into
 * a folder.
 */
@Command(
    name = "download",
    description = {
      "Brings a model or a data set from the Hugging Face Hub into the cache that its tools share,"
          + " or goes on with what was begun. It is the only command that opens a connection.",
      "Of a model it takes what pruning needs: .safetensors, config, tokenizer, licence; with"
          + " --include also .gguf and code. Files that run code when they are read (pickles) never"
          + " come."
    },
    footer = {
      "  wanda-cuda download org/model",
      "  wanda-cuda download datasets/org/name --include '*.parquet'",
      "  wanda-cuda download c4"
    })
final class DownloadCommand extends Subcommand {
  @Parameters(
      paramLabel = "ORG/NAME",
      description =
          "A model; datasets/ORG/NAME for a data set; or c4 (the part of C4 that the code of Wanda"
              + " calibrates on), wikitext2 (WikiText-2's test set).")
  private String name;

  @Option(
      names = "--revision",
      paramLabel = "R",
      description = "A branch, a tag or a commit (default: main).")
  private String revision;

  @Option(
      names = "--include",
      paramLabel = "GLOB",
      description = "Only files whose path matches, such as '*.json'; repeatable.")
  private List<String> include = List.of();

  @Option(
      names = "--exclude",
      paramLabel = "GLOB",
      description = "No files whose path matches; repeatable.")
  private List<String> exclude = List.of();

  @Option(
      names = "--cache",
      paramLabel = "DIR",
      description =
          "The cache (default: what HF_HUB_CACHE names, or hub in HF_HOME, or"
              + " ~/.cache/huggingface/hub).")
  private Path cache;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      description = "Put the files into this folder, not into the cache.")
  private Path folder;

  @Override
  public void run() {
    output.exclude("--cache", "--output");
    // Of 16 KiB, the default, 8 GB from this machine take a third longer.
    OutputOptions.setDefault("jdk.httpclient.bufsize", "262144");
    Map<String, String> environment = new HashMap<>(System.getenv());
    Optional.ofNullable(cache).ifPresent(at -> environment.put("HF_HUB_CACHE", at.toString()));
    DownloadRequest asked = DownloadRequest.of(name);
    DownloadRequest request =
        new DownloadRequest(
            asked.dataset(),
            asked.name(),
            revision == null ? asked.revision() : revision,
            include.isEmpty() ? asked.include() : include,
            exclude,
            Optional.ofNullable(folder));
    KnownText.of(name).ifPresent(text -> output.say("licence: " + text.licence()));
    Download.Result result =
        new Download(HubSettings.of(environment), request).run(output.progress());
    output.detail(
        "%d files, %d bytes, revision %s", result.files(), result.bytes(), result.revision());
    output.written(JsonText.map(result), () -> Stream.of(result.path().toString()));
  }
}
