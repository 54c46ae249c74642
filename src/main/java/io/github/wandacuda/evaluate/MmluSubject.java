package io.github.wandacuda.evaluate;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The subjects of MMLU, each with the group that the harness counts it to. */
final class MmluSubject {
  static final Map<String, String> GROUPS = new HashMap<>();

  static {
    add(
        "stem",
        """
        abstract_algebra anatomy astronomy college_biology college_chemistry
        college_computer_science college_mathematics college_physics computer_security
        conceptual_physics electrical_engineering elementary_mathematics high_school_biology
        high_school_chemistry high_school_computer_science high_school_mathematics
        high_school_physics high_school_statistics machine_learning
        """);
    add(
        "humanities",
        """
        formal_logic high_school_european_history high_school_us_history
        high_school_world_history international_law jurisprudence logical_fallacies
        moral_disputes moral_scenarios philosophy prehistory professional_law
        world_religions
        """);
    add(
        "social sciences",
        """
        econometrics high_school_geography high_school_government_and_politics
        high_school_macroeconomics high_school_microeconomics high_school_psychology
        human_sexuality professional_psychology public_relations security_studies sociology
        us_foreign_policy
        """);
    add(
        "other",
        """
        business_ethics clinical_knowledge college_medicine global_facts human_aging
        management marketing medical_genetics miscellaneous nutrition
        professional_accounting professional_medicine virology
        """);
  }

  private MmluSubject() {}

  private static void add(String group, String subjects) {
    for (String subject : subjects.strip().split("\\s+")) {
      GROUPS.put(subject, group);
    }
  }

  /** Returns the group of a subject by its name, such as {@code abstract_algebra}. */
  static Optional<String> group(String subject) {
    return Optional.ofNullable(GROUPS.get(subject));
  }
}
