#pragma once

#include <functional>
#include <memory>

#include "miaudit/attack/attack.h"
#include "miaudit/learn/learners.h"

namespace miaudit {

/// Fits a classifier of members (label 1) to features.
using FitClassifier = std::function<std::unique_ptr<BinaryClassifier>(const TrainingSet&)>;

/// Fits on the known records and scores others by their log-odds of membership, each as the share of the fitted records
/// with lower odds (equals count half), in [0, 1]. Features of a record: its probabilities in descending order (the 20
/// largest), loss, correctness, entropy, and, up to 50 classes, one column a class for the label; each the mean over
/// the record's queries. It is fitted to as many members as non-members of each class, the surplus left out at random:
/// where both are fixed in number, as in a balanced audit, more members of a class in the fold to be scored means fewer
/// among the known, and whatever shows these counts points the wrong way. Nor are the log-odds of two folds compared as
/// such: each was fitted to the other's records, which made the odds of their likes too low for members and too high
/// for non-members. At most 50 000 records of either side are fitted to. Throws Error(input) without known records of
/// both sides.
void score_by_classifier(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
                         const FitClassifier& fit, const Context& context, std::span<double> scores);

}  // namespace miaudit
