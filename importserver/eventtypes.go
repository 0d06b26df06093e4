package importserver

import "github.com/tidepole/tidepole/formats/wire"

// eventTypes are the events that this server tells of, as the API lists them.
var eventTypes = []wire.EventCategory{
	{Name: "user", Description: "What became of an account's images, tags and policies.", Subcategories: []wire.EventSubcategory{
		{Name: "user.image", Description: "Images and the tags that mean them.", Events: []wire.EventType{
			{Name: "ImageAnalysisCompleted", Type: wire.EventImageCompleted, Message: "The image of a tag is analysed.", ResourceType: resourceTag},
			{Name: "ImageAnalysisFailed", Type: wire.EventImageFailed, Message: "The analysis of a tag's image failed.", ResourceType: resourceTag},
			{Name: "TagUpdated", Type: wire.EventTagUpdated, Message: "A tag means another image than before.", ResourceType: resourceTag},
			{Name: "ImportUnchanged", Type: wire.EventImportUnchanged, Message: "An import of a known image, without force, left its evidence as it was.", ResourceType: resourceDigest},
		}},
		{Name: "user.checks", Description: "What the assessments of tags come to.", Events: []wire.EventType{
			{Name: "TagPolicyEvaluationUpdated", Type: wire.EventPolicyEvaluation, Message: "The active policy's verdict on a tag changed.", ResourceType: resourceTag},
			{Name: "TagVulnerabilityUpdated", Type: wire.EventVulnerabilities, Message: "The vulnerabilities found for a tag changed.", ResourceType: resourceTag},
		}},
		{Name: "user.policy", Description: "The policies of an account.", Events: []wire.EventType{
			{Name: "ActivePolicyUpdated", Type: wire.EventPolicyActive, Message: "Another policy is the active one.", ResourceType: resourcePolicy},
			{Name: "ActivePolicyContentChanged", Type: wire.EventPolicyContent, Message: "The active policy has other rules.", ResourceType: resourcePolicy},
		}},
	}},
	{Name: "system", Description: "What the server did, and what went wrong.", Subcategories: []wire.EventSubcategory{
		{Name: "system.image_analysis", Description: "The work on images.", Events: []wire.EventType{
			{Name: "ImageAnalysisStarted", Type: wire.EventAnalysisStarted, Message: "The work on an image was taken up.", ResourceType: resourceDigest},
			{Name: "ImageAnalysisRequeued", Type: wire.EventAnalysisRequeued, Message: "An image waits for its analysis again: an attempt failed, was lost or was given back, or somebody asked anew.", ResourceType: resourceDigest},
			{Name: "ImageAnalysisSucceeded", Type: wire.EventAnalysisCompleted, Message: "The work on an image is done.", ResourceType: resourceDigest},
			{Name: "ImageAnalysisFailed", Type: wire.EventAnalysisFailed, Message: "The work on an image failed for good.", ResourceType: resourceDigest},
			{Name: "ImageRegistryLookupFailed", Type: wire.EventLookupFailed, Message: "A registry did not say what a name stands for.", ResourceType: resourceReference},
		}},
		{Name: "system.repository", Description: "Repositories of registries.", Events: []wire.EventType{
			{Name: "ListTagsFailed", Type: wire.EventListTagsFailed, Message: "A repository's tags could not be listed.", ResourceType: resourceRepository},
		}},
		{Name: "system.registry", Description: "Stored logins of registries.", Events: []wire.EventType{
			{Name: "RegistryLoginFailed", Type: wire.EventRegistryLogin, Message: "A registry refused the login that is stored for it.", ResourceType: resourceRegistry},
		}},
		{Name: "system.feeds", Description: "The vulnerability database.", Events: []wire.EventType{
			{Name: "FeedSyncStarted", Type: wire.EventFeedsStarted, Message: "A newer vulnerability database is looked for.", ResourceType: resourceFeeds},
			{Name: "FeedSyncCompleted", Type: wire.EventFeedsCompleted, Message: "The vulnerability database is up to date.", ResourceType: resourceFeeds},
			{Name: "FeedSyncFailed", Type: wire.EventFeedsFailed, Message: "No newer vulnerability database could be fetched.", ResourceType: resourceFeeds},
		}},
		{Name: "system.service", Description: "The server's services.", Events: []wire.EventType{
			{Name: "ServiceOrphaned", Type: wire.EventServiceOrphaned, Message: "A service fell silent while it worked.", ResourceType: resourceService},
			{Name: "ServiceDown", Type: wire.EventServiceDown, Message: "A service ended.", ResourceType: resourceService},
			{Name: "ServiceRemoved", Type: wire.EventServiceRemoved, Message: "A service that ended was taken off the list.", ResourceType: resourceService},
		}},
	}},
}
