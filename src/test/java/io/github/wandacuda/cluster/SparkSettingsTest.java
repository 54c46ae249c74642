package io.github.wandacuda.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.cluster.SparkCluster.SparkSettings;
import io.github.wandacuda.error.UsageException;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is set for the user, and what is refused in a line that says what to set. */
class SparkSettingsTest {
  private static Map<String, String> settings(String text) {
    Map<String, String> settings = new HashMap<>();
    for (String setting : text.split(" ")) {
      settings.put(setting.split("=", 2)[0], setting.split("=", 2)[1]);
    }
    return settings;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "spark.master=spark://host:7077 spark.executor.cores=16 | 16",
        "spark.master=spark://host:7077 spark.executor.cores=16 spark.task.cpus=16 | 16",
        "spark.master=yarn | 1",
        "spark.master=yarn spark.executor.cores=8 | 8",
        "spark.master=k8s://https://host:6443 | 1",
        "spark.master=local | 1",
        "spark.master=local[6] spark.executor.cores=2 | 6",
        "spark.master=local[6,2] | 6",
        "spark.master=local-cluster[2,3,1024] | 3"
      })
  void anExecutorHasRoomForOneTask(String given, int cores) {
    Map<String, String> settings = settings(given);
    assertThat(new SparkSettings(settings).complete(3L << 29)).isEqualTo(cores);
    assertThat(settings).containsEntry("spark.task.cpus", String.valueOf(cores));
    assertThat(settings)
        .containsEntry("spark.driver.maxResultSize", "0")
        .doesNotContainKey("spark.task.resource.gpu.amount");
  }

  @Test
  void allProcessorsAreCounted() {
    assertThat(new SparkSettings(settings("spark.master=local[*]")).complete(3L << 29))
        .isEqualTo(Runtime.getRuntime().availableProcessors());
  }

  @ParameterizedTest
  @CsvSource({
    "spark.x=1, 1536m",
    "spark.executor.memoryOverhead=1g, 1g",
    "spark.executor.memoryOverheadFactor=0.5,"
  })
  void memoryBesideTheHeapIsAskedFor(String given, String overhead) {
    Map<String, String> settings = settings("spark.master=yarn " + given);
    new SparkSettings(settings).complete(3L << 29);
    assertThat(settings.get("spark.executor.memoryOverhead")).isEqualTo(overhead);
  }

  @Test
  void aTaskHasItsExecutorsGpu() {
    Map<String, String> settings =
        settings("spark.master=yarn spark.executor.resource.gpu.amount=1");
    new SparkSettings(settings).complete(3L << 29);
    assertThat(settings).containsEntry("spark.task.resource.gpu.amount", "1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "spark.master=spark://host:7077 | spark.executor.cores: expected 16, or how many cores each"
            + " executor is to have, found none; spark-submit takes it as conf"
            + " spark.executor.cores=16",
        "spark.master=yarn spark.executor.cores=four | spark.executor.cores: expected 16, or how"
            + " many cores each executor is to have, found 'four'; spark-submit takes it as conf"
            + " spark.executor.cores=16",
        "spark.master=yarn spark.executor.cores=8 spark.task.cpus=1 | spark.task.cpus: expected 8,"
            + " as many as an executor has cores, since it does a task at a time, found '1';"
            + " spark-submit takes it as conf spark.task.cpus=8",
        "spark.master=yarn spark.executor.resource.gpu.amount=2 |"
            + " spark.executor.resource.gpu.amount: expected 1, a device for each executor, which"
            + " runs on one, found '2'; spark-submit takes it as conf"
            + " spark.executor.resource.gpu.amount=1",
        "spark.master=yarn spark.executor.resource.gpu.amount=1 spark.task.resource.gpu.amount=0.5"
            + " | spark.task.resource.gpu.amount: expected 1, the device of its executor, found"
            + " '0.5'; spark-submit takes it as conf spark.task.resource.gpu.amount=1",
        "spark.master=yarn spark.task.resource.gpu.amount=1 | spark.executor.resource.gpu.amount:"
            + " expected 1, a device for each executor, which runs on one, found none;"
            + " spark-submit takes it as conf spark.executor.resource.gpu.amount=1"
      })
  void settingsThatDontGoTogetherAreRefused(String given, String line) {
    assertThatThrownBy(() -> new SparkSettings(settings(given)).complete(3L << 29))
        .isInstanceOf(UsageException.class)
        .hasMessage(line);
  }
}
